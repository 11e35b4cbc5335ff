//! Which file of the house imports which: an item that is imported, or named by its path. The `Broker`, the one value that
//! every verb is given, is left aside. So is the sandbox, which is no part of the house.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use syn::visit::{self, Visit};
use syn::{Attribute, ItemMod, ItemUse, UseTree};

/// Files that import each other in a loop, at the most: a slice with its store, and little beside.
const LARGEST_LOOP: usize = 4;

/// What a wing may import of the others. A path narrows it to what begins so.
const MAY_IMPORT: [(&str, &[&str]); 8] = [
    ("connection", &[]),
    ("revoke", &["connection/", "consent/attempt/"]),
    ("freeze", &["connection/", "revoke/"]),
    ("refresh", &["connection/", "revoke/", "access/allow.rs", "access/judge.rs"]),
    ("access", &["connection/", "freeze/", "refresh/", "revoke/receipt.rs"]),
    ("consent", &["connection/", "revoke/", "pages/choice.rs", "pages/in_words.rs"]),
    (
        "resource_server",
        &[
            "access/by_itself.rs",
            "access/by_session.rs",
            "access/facts.rs",
            "access/facts/store.rs",
            "access/judge/issued.rs",
        ],
    ),
    (
        "pages",
        &[
            "connection/",
            "consent/choice.rs",
            "consent/duration.rs",
            "consent/choose.rs",
            "freeze/",
            "revoke/",
        ],
    ),
];

/// From `crate` on: `["refresh", "store"]`.
type Module = Vec<String>;

struct House {
    /// Each module's file.
    files: BTreeMap<Module, String>,
    /// From one file to another: what it takes from there.
    arrows: BTreeMap<(String, String), BTreeSet<String>>,
}

impl House {
    fn read() -> Self {
        let files: BTreeMap<Module, String> = rust_files(Path::new("src"))
            .into_iter()
            .filter(|path| !path.starts_with("src/sandbox") && path != Path::new("src/main.rs"))
            .map(|path| (module(&path), path.to_string_lossy().replace('\\', "/")))
            .collect();
        assert!(files.len() > 100, "the house has more files than that");
        let mut house = Self { files, arrows: BTreeMap::new() };
        for (module, path) in house.files.clone() {
            if !module.is_empty() {
                house.draw(&module, &path);
            }
        }
        house
    }

    /// The arrows of one file.
    fn draw(&mut self, module: &Module, path: &str) {
        let text = std::fs::read_to_string(path).expect("a file");
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut names = Names { paths: Vec::new(), uses: Vec::new() };
        names.visit_file(&parsed);
        let mut aliases = BTreeMap::new();
        for (used, local) in &names.uses {
            if let Some((found, rest)) = self.resolve(module, used) {
                match rest.first() {
                    None => drop(aliases.insert(local.clone(), found)),
                    Some(item) => self.point(path, &found, item),
                }
            }
        }
        for named in &names.paths {
            let (first, others) = named.split_first().expect("a path");
            let whole = match aliases.get(first) {
                Some(known) => ["crate"].iter().map(ToString::to_string).chain(known.clone()).collect(),
                None if self.files.contains_key(&[module.as_slice(), &named[..1]].concat()) => {
                    vec!["self".to_owned(), first.clone()]
                }
                None => vec![first.clone()],
            };
            if let Some((found, rest)) = self.resolve(module, &[whole.as_slice(), others].concat())
                && let Some(item) = rest.first()
            {
                self.point(path, &found, item);
            }
        }
    }

    fn point(&mut self, from: &str, module: &Module, item: &str) {
        let Some(to) = self.files.get(module) else { return };
        if to != from && to != "src/lib.rs" {
            self.arrows.entry((from.to_owned(), to.clone())).or_default().insert(item.to_owned());
        }
    }

    /// The module that a path leads to, and what it names there.
    fn resolve(&self, module: &Module, path: &[String]) -> Option<(Module, Vec<String>)> {
        let mut rest = path;
        let mut found = match path.first()?.as_str() {
            "crate" | "attache" => Module::new(),
            "self" | "super" => module.clone(),
            _ => return None,
        };
        while let Some((first, others)) = rest.split_first() {
            match first.as_str() {
                "crate" | "attache" | "self" => {}
                "super" => drop(found.pop()),
                _ => break,
            }
            rest = others;
        }
        while let Some((first, others)) = rest.split_first() {
            let deeper = [found.as_slice(), std::slice::from_ref(first)].concat();
            if !self.files.contains_key(&deeper) {
                break;
            }
            (found, rest) = (deeper, others);
        }
        Some((found, rest.to_vec()))
    }

    fn loops(&self) -> Vec<Vec<&str>> {
        let arrows = self.arrows.keys().map(|(from, to)| (from.as_str(), to.as_str()));
        tarjan_scc(&DiGraphMap::<&str, (), std::hash::RandomState>::from_edges(arrows))
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let found = entries.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    found.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

fn module(path: &Path) -> Module {
    let inside = path.strip_prefix("src").expect("a file of the house").with_extension("");
    let mut module: Module = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
        module.pop();
    }
    module
}

/// What a file names, its own tests aside.
struct Names {
    paths: Vec<Vec<String>>,
    /// Each with its name here.
    uses: Vec<(Vec<String>, String)>,
}

impl Names {
    fn flatten(&mut self, before: &[String], tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.flatten(&[before, &[path.ident.to_string()]].concat(), &path.tree),
            UseTree::Name(name) if name.ident == "self" => {
                self.uses.push((before.to_vec(), before.last().cloned().unwrap_or_default()));
            }
            UseTree::Name(name) => {
                self.uses.push(([before, &[name.ident.to_string()]].concat(), name.ident.to_string()));
            }
            UseTree::Rename(name) => {
                self.uses.push(([before, &[name.ident.to_string()]].concat(), name.rename.to_string()));
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.flatten(before, tree)),
            UseTree::Glob(_) => self.uses.push(([before, &["*".to_owned()]].concat(), "*".to_owned())),
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_mod(&mut self, inner: &'ast ItemMod) {
        let is_test = |attribute: &Attribute| attribute.path().is_ident("cfg");
        if !inner.attrs.iter().any(is_test) {
            visit::visit_item_mod(self, inner);
        }
    }

    fn visit_item_use(&mut self, used: &'ast ItemUse) {
        self.flatten(&[], &used.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}

#[test]
fn no_more_than_a_few_files_import_each_other_in_a_loop() {
    let house = House::read();
    for files in house.loops() {
        let within = |arrow: &str| files.contains(&arrow);
        let arrows = house.arrows.iter().filter(|((from, to), _)| within(from) && within(to));
        let drawn: Vec<String> =
            arrows.map(|((from, to), items)| format!("{from} -> {to}: {items:?}")).collect();
        assert!(files.len() <= LARGEST_LOOP, "{} files in a loop:\n{}", files.len(), drawn.join("\n"));
    }
}

#[test]
fn a_wing_imports_of_the_others_what_its_place_allows() {
    let house = House::read();
    let wing = |path: &str| MAY_IMPORT.iter().find(|(wing, _)| path.starts_with(&format!("src/{wing}/")));
    let mut judged = 0;
    for ((from, to), items) in &house.arrows {
        let (Some((wing_from, allowed)), Some((wing_to, _))) = (wing(from), wing(to)) else { continue };
        if wing_from == wing_to {
            continue;
        }
        judged += 1;
        let allowed = allowed.iter().any(|place| to.starts_with(&format!("src/{place}")));
        assert!(allowed, "{from} -> {to}: {items:?}; a wing below may not know one above it");
    }
    assert!(judged > 50, "the wings import each other more often than {judged} times");
}
