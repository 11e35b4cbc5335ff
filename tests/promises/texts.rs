//! The texts of SQL in the source of the house: wherever one is handed to `sql`, what it can be.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Block, Expr, ExprCall, ExprMethodCall, FnArg, ItemUse, Local, ReturnType, Type, UseTree};

use crate::text_values::{Function, House, Scope, Value, identifier, union};

/// One place where a statement is made.
#[derive(Debug)]
pub struct Site {
    pub path: String,
    pub function: String,
    /// None when the source does not tell.
    pub texts: Option<Vec<String>>,
}

/// Every place in these folders.
pub fn sites(root: &str) -> Vec<Site> {
    let files: Vec<(String, syn::File)> = rust_files(Path::new(root))
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a file");
            let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path.to_string_lossy().replace('\\', "/"), parsed)
        })
        .collect();
    let mut house = House::default();
    for (path, file) in &files {
        Declared { path, house: &mut house }.visit_file(file);
    }
    // Once to learn what functions are called with, once knowing it.
    for _ in 0..2 {
        let mut calls = HashMap::new();
        for (path, file) in &files {
            let mut walk = Walk::new(&house, path);
            walk.visit_file(file);
            for (function, values) in walk.calls {
                calls.entry((path.clone(), function)).or_insert_with(Vec::new).push(values);
            }
        }
        house.calls = calls;
    }
    let mut sites = Vec::new();
    for (path, file) in &files {
        let mut walk = Walk::new(&house, path);
        walk.visit_file(file);
        sites.extend(walk.sites);
    }
    sites
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let found = entries.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    found.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// Constants, functions and imports.
struct Declared<'a> {
    path: &'a str,
    house: &'a mut House,
}

impl Declared<'_> {
    fn function(&mut self, signature: &syn::Signature, block: &Block) {
        let input = |input: &FnArg| match input {
            FnArg::Receiver(_) => None,
            FnArg::Typed(typed) => Some(identifier(&typed.pat).unwrap_or_default()),
        };
        if !is_text(&signature.output) {
            return;
        }
        let inputs = signature.inputs.iter().filter_map(input).collect();
        let function = Function { inputs, block: block.clone() };
        let all = self.house.functions.entry(signature.ident.to_string()).or_default();
        all.push((self.path.to_owned(), function));
    }

    fn import(&mut self, before: &[String], tree: &UseTree) {
        let mut name = |from: String, local: String| {
            let path = [before, &[from]].concat();
            self.house.imports.insert((self.path.to_owned(), local), path);
        };
        match tree {
            UseTree::Path(path) => self.import(&[before, &[path.ident.to_string()]].concat(), &path.tree),
            UseTree::Name(one) => name(one.ident.to_string(), one.ident.to_string()),
            UseTree::Rename(one) => name(one.ident.to_string(), one.rename.to_string()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(before, tree)),
            UseTree::Glob(_) => {}
        }
    }
}

impl<'ast> Visit<'ast> for Declared<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(&[], &item.tree);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        let all = self.house.constants.entry(item.ident.to_string()).or_default();
        all.push((self.path.to_owned(), (*item.expr).clone()));
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }
}

/// Goes through one file, and knows what each name is worth on the way.
struct Walk<'a> {
    house: &'a House,
    path: &'a str,
    function: String,
    scope: Scope,
    calls: Vec<(String, Vec<Option<Value>>)>,
    sites: Vec<Site>,
}

impl<'a> Walk<'a> {
    fn new(house: &'a House, path: &'a str) -> Self {
        let (scope, calls, sites) = (Vec::new(), Vec::new(), Vec::new());
        Self { house, path, function: String::new(), scope, calls, sites }
    }

    fn site(&mut self, text: &Expr) {
        let texts = match self.house.value(text, &self.scope, self.path) {
            Some(Value::Texts(texts)) if !texts.is_empty() => Some(texts),
            _ => None,
        };
        self.sites.push(Site { path: self.path.to_owned(), function: self.function.clone(), texts });
    }

    fn enter(&mut self, signature: &syn::Signature, within: impl FnOnce(&mut Self)) {
        let name = signature.ident.to_string();
        let scope = std::mem::take(&mut self.scope);
        let outside = std::mem::replace(&mut self.function, name.clone());
        let called = self.house.calls.get(&(self.path.to_owned(), name));
        let inputs = signature.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_)));
        for (at, input) in inputs.enumerate() {
            let FnArg::Typed(input) = input else { continue };
            let values = called.into_iter().flatten().map(|values| values.get(at).cloned().flatten());
            self.scope.push((identifier(&input.pat).unwrap_or_default(), union(values)));
        }
        within(self);
        self.scope = scope;
        self.function = outside;
    }
}

impl<'ast> Visit<'ast> for Walk<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.ident != "tests" {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.enter(&item.sig, |walk| visit::visit_item_fn(walk, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.enter(&item.sig, |walk| visit::visit_impl_item_fn(walk, item));
    }

    fn visit_block(&mut self, block: &'ast Block) {
        let known = self.scope.len();
        visit::visit_block(self, block);
        self.scope.truncate(known);
    }

    fn visit_local(&mut self, local: &'ast Local) {
        visit::visit_local(self, local);
        self.house.bind(local, &mut self.scope, self.path);
    }

    /// A list that is gone through gives each of its texts.
    fn visit_expr_for_loop(&mut self, each: &'ast syn::ExprForLoop) {
        let known = self.scope.len();
        let value = self.house.value(&each.expr, &self.scope, self.path);
        crate::text_values::name(&each.pat, value, &mut self.scope);
        visit::visit_expr_for_loop(self, each);
        self.scope.truncate(known);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Some(name) = called(call) {
            if name == "sql" && call.args.len() == 1 {
                self.site(&call.args[0]);
            }
            let values = call.args.iter().map(|arg| self.house.value(arg, &self.scope, self.path));
            self.calls.push((name, values.collect()));
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if call.method == "delete_each" {
            self.site(&call.args[1]);
        }
        visit::visit_expr_method_call(self, call);
    }
}

/// Whether a function comes to a text.
fn is_text(output: &ReturnType) -> bool {
    let ReturnType::Type(_, output) = output else { return false };
    let named = if let Type::Reference(inner) = &**output { &inner.elem } else { output };
    let Type::Path(path) = &**named else { return false };
    ["str", "String", "Constants"].iter().any(|name| path.path.is_ident(name))
}

fn called(call: &ExprCall) -> Option<String> {
    let Expr::Path(path) = &*call.func else { return None };
    path.path.segments.last().map(|segment| segment.ident.to_string())
}
