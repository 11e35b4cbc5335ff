//! Many connections without as many consents: copies of one that a person made.

use attache::db::sql;

use crate::world::World;

/// What is particular to a copy; the rest is the original's.
#[derive(Clone, Debug)]
pub struct Copy {
    pub id: String,
    pub app: String,
    pub status: &'static str,
    /// None: never used, and so listed by when it was connected.
    pub used_at: Option<i64>,
}

impl Copy {
    /// `Et`, the number in a text that sorts as it does, and characters that make it as long as a real one.
    pub fn new(number: usize, app: &str) -> Self {
        Self { id: format!("Et{number:020}"), app: app.to_owned(), status: "active", used_at: None }
    }

    pub fn used(self, at: i64) -> Self {
        Self { used_at: Some(at), ..self }
    }

    pub fn in_state(self, status: &'static str) -> Self {
        Self { status, ..self }
    }
}

/// Puts copies of a connection beside it, of the same account; each is of an external identity of its own.
pub async fn copy(world: &World, original: &str, copies: &[Copy]) {
    let insert = "INSERT INTO connections (id, account_id, app_id, external_issuer, external_subject, status, \
            granted_scopes, requested_scopes, generation, fence, failures, connected_at, listed_at, last_used_at, updated_at) \
        SELECT CAST($1 AS TEXT), c.account_id, a.id, c.external_issuer, CAST($2 AS TEXT), CAST($3 AS TEXT), \
            c.granted_scopes, c.requested_scopes, 1, 0, 0, c.connected_at, COALESCE(CAST($4 AS BIGINT), c.connected_at), \
            CAST($5 AS BIGINT), c.updated_at FROM connections c, apps a WHERE c.id = $6 AND a.key = $7";
    let mut transaction = world.broker.db.begin().await.expect("a transaction");
    for copy in copies {
        let insert = sqlx::query(insert)
            .bind(&copy.id)
            .bind(&copy.id)
            .bind(copy.status)
            .bind(copy.used_at)
            .bind(copy.used_at)
            .bind(original)
            .bind(&copy.app);
        let done = insert.execute(&mut *transaction).await.expect("a copy");
        assert_eq!(done.rows_affected(), 1, "{copy:?}");
    }
    transaction.commit().await.expect("a commit");
}

/// Lines of a connection's ledger, one a minute up to now, newest last.
pub async fn note(world: &World, connection: &str, lines: i64) {
    let insert = "INSERT INTO ledger (seq, at, action, actor, connection_id, times, last_at) \
        VALUES ($1, $2, 'refreshed', 'attache', $3, 1, $4)";
    let now = world.broker.clock.now().unix();
    for line in 0..lines {
        let at = now - (lines - line) * 60;
        let insert = sql(insert).bind(at << 30).bind(at).bind(connection).bind(at);
        insert.execute(&world.broker.db).await.expect("a line");
    }
}

/// The configuration of more apps at the sandbox issuer.
pub fn more_apps(apps: &[(&str, &str)]) -> String {
    let app = |(key, name): &(&str, &str)| {
        format!(
            "[apps.{key}]\nname = \"{name}\"\ndescription = \"Another app\"\nkind = \"web\"\nissuer = \"sandbox\"\n\
             client_id = \"{key}\"\nclient_secret = \"s3cret-of-{key}\"\nscopes = [\"openid\"]\n"
        )
    };
    apps.iter().map(app).collect()
}

/// Grants of as many people, each with a refresh token that the sandbox issuer knows and an access token that lives for
/// an hour, as if each of them had connected the app. `people` are their numbers; ids in their order.
pub async fn grants(world: &World, app: &str, people: std::ops::Range<usize>) -> Vec<String> {
    use attache::connection::seal::{Binding, seal};
    use attache::issuer::scope::Scopes;
    use attache::issuer::token_set::TokenSet;
    use attache::secret::Token;
    use attache::vault::{Purpose, insert};

    let now = world.broker.clock.now();
    let app_id = world.column("SELECT id FROM apps WHERE key = $1", app).await.expect("an app");
    let scopes = Scopes::lenient("openid offline_access");
    let mut transaction = world.broker.db.begin().await.expect("a transaction");
    let mut ids = Vec::new();
    for person in people {
        let (id, account) = (format!("Et{app}{person:012}").replace('-', ""), format!("ac_{person:020}"));
        let subject = format!("sandbox|person-{person}");
        let put = "INSERT INTO accounts (id, issuer, subject, claims, created_at, last_sign_in_at) \
            VALUES ($1, $2, $3, '{}', $4, $5) ON CONFLICT (id) DO NOTHING";
        let put = sqlx::query(put).bind(&account).bind(world.issuer.url()).bind(&subject);
        let put = put.bind(now.unix()).bind(now.unix());
        put.execute(&mut *transaction).await.expect("an account");
        let tokens = TokenSet {
            access_token: Some(Token::new(format!("access-of-{id}"))).into(),
            refresh_token: Some(Token::new(world.issuer.give(app, &subject))).into(),
            expires_in: Some(3600),
            ..TokenSet::default()
        };
        let (key, wrapped) = world.broker.vault.new_data_key().expect("a key");
        let binding = Binding { connection_id: &id, account_id: &account, app_id: &app_id, generation: 1 };
        let sealed = seal(&key, binding, &tokens, None, &scopes, now).expect("sealed");
        let put = "INSERT INTO connections (id, account_id, app_id, external_issuer, external_subject, status, data_kid, \
                access_token, access_token_hash, access_expires_at, refresh_token, granted_scopes, requested_scopes, \
                generation, fence, failures, connected_at, listed_at, updated_at, consented_at) \
            VALUES ($1, $2, $3, $4, $5, 'active', $6, $7, $8, $9, $10, $11, $12, 1, 0, 0, $13, $14, $15, $16)";
        sqlx::query(put)
            .bind(&id)
            .bind(&account)
            .bind(&app_id)
            .bind(world.issuer.url())
            .bind(&subject)
            .bind(&wrapped.kid)
            .bind(sealed.access_token.map(|sealed| sealed.0))
            .bind(sealed.access_token_hash.map(|hash| hash.as_str().to_owned()))
            .bind(sealed.access_expires_at.map(attache::clock::Timestamp::unix))
            .bind(sealed.refresh_token.map(|sealed| sealed.0))
            .bind(scopes.to_string())
            .bind(scopes.to_string())
            .bind(now.unix())
            .bind(now.unix())
            .bind(now.unix())
            .bind(now.unix())
            .execute(&mut *transaction)
            .await
            .expect("a connection");
        insert(&mut transaction, &wrapped, Purpose::Connection, now).await.expect("its key");
        ids.push(id);
    }
    transaction.commit().await.expect("a commit");
    ids
}
