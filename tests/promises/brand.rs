//! Whose pages these are: each shows the operator's name, logo, color, help and privacy, and nothing of it is fetched from elsewhere.

use attache::config::Config;
use rstest::rstest;

use crate::person::Person;
use crate::world::{APP, Database, EDITOR, Plan, Postgres, Sqlite, World};

/// The smallest picture that there is.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

async fn branded(database: Database, logo: &str) -> World {
    let section = format!(
        "[brand]\nname = \"Acme <i>& Sons\"\nlogo_file = \"{logo}\"\naccent_color = \"#7f1d1d\"\n\
         help_url = \"mailto:help@acme.example\"\nprivacy_url = \"https://acme.example/privacy\"\n"
    );
    World::planned(database, Plan { more_config: section, ..Plan::default() }).await
}

#[rstest]
#[tokio::test]
async fn every_page_is_the_operators_own(#[values(Sqlite, Postgres)] database: Database) {
    let file = tempfile::Builder::new().suffix(".png").tempfile().expect("a file");
    std::fs::write(file.path(), PNG).expect("written");
    let world = branded(database, file.path().to_str().expect("text")).await;
    let (stranger, person) = (Person::new(&world), world.signed_in(EDITOR).await);
    let connection = person.connect(APP).await;
    let detail = format!("/account/connected-apps/{connection}");
    let connect = format!("/connect/{APP}");
    let failed = format!("/connect/{APP}/callback");
    let pages = [
        (&stranger, "/"),
        (&stranger, "/nowhere"),
        (&person, "/account/connected-apps"),
        (&person, "/account/sessions"),
        (&person, &detail),
        (&person, &connect),
        (&person, &failed),
        (&person, "/nowhere"),
    ];
    for (who, path) in pages {
        let page = who.get(path).await;
        for text in [
            "Acme &#60;i&#62;&#38; Sons</title>",
            "<bdi>Acme &#60;i&#62;&#38; Sons</bdi></a>",
            "src=\"/assets/brand-logo\"",
            "href=\"/assets/brand.css\"",
            "href=\"mailto:help@acme.example\"",
            "href=\"https://acme.example/privacy\"",
        ] {
            assert!(page.says(text), "{path} says no {text}: {}", page.text);
        }
        assert!(!page.says("Attaché"), "{path}: {}", page.text);
    }
    let logo = stranger.get("/assets/brand-logo").await;
    assert_eq!(
        (logo.status.as_u16(), logo.headers["content-type"].as_bytes()),
        (200, b"image/png".as_slice())
    );
    let colors = stranger.get("/assets/brand.css").await;
    assert!(colors.says("--accent: #7f1d1d;") && colors.says("--on-accent: #ffffff;"), "{}", colors.text);
    assert!(
        !colors.says(
            "#7f1d1d; --accent-over: color-mix(in srgb, #7f1d1d 82%, var(--ink)); --on-accent: #000000"
        )
    );
}

#[tokio::test]
async fn without_a_brand_it_is_attache_and_nothing_more_is_loaded() {
    let world = World::new(Sqlite).await;
    let page = Person::new(&world).get("/").await;
    assert!(page.says("Attaché</title>") && !page.says("/assets/brand"), "{}", page.text);
    for path in ["/assets/brand.css", "/assets/brand-logo"] {
        assert_eq!(Person::new(&world).get(path).await.status, 404, "{path}");
    }
}

#[rstest]
#[case::no_name("name = \" \"", "brand.name")]
#[case::two_lines("name = \"a\\nb\"", "brand.name")]
#[case::too_light("accent_color = \"#7fd6ba\"", "brand.accent_color")]
#[case::no_color("accent_color = \"green\"", "brand.accent_color")]
#[case::no_file("logo_file = \"/nowhere/logo.png\"", "brand.logo_file")]
#[case::script("help_url = \"javascript:alert(1)\"", "brand.help_url")]
#[case::no_page("privacy_url = \"mailto:a@b.example\"", "brand.privacy_url")]
#[tokio::test]
async fn a_brand_that_cannot_be_shown_is_refused_with_its_place(#[case] line: &str, #[case] place: &str) {
    let world = World::new(Sqlite).await;
    let faults = Config::parse(&format!("{}\n[brand]\n{line}\n", world.config), []).expect_err("a fault");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].key == place || faults[0].key == "brand", "{faults:?}");
}
