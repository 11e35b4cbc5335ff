//! What an expression in the source of the house is worth, where it is text: literals, constants, `format!`, `match` and
//! small functions are followed. Whatever else there is stays unknown.

use std::cell::Cell;
use std::collections::HashMap;

use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Block, Expr, Lit, Local, Pat, Stmt, Token};

/// Each text that an expression can be, or each of its parts.
#[derive(Clone, Debug)]
pub enum Value {
    Texts(Vec<String>),
    Tuple(Vec<Option<Self>>),
}

#[derive(Clone)]
pub struct Function {
    pub inputs: Vec<String>,
    pub block: Block,
}

/// Functions that are followed one within the other, at the most.
const FURTHEST: usize = 6;

/// What is known by name: each with its file.
pub type Named<T> = HashMap<String, Vec<(String, T)>>;
/// The values of names, the newest last. None is a name whose value is not known.
pub type Scope = Vec<(String, Option<Value>)>;

#[derive(Default)]
pub struct House {
    pub constants: Named<Expr>,
    pub functions: Named<Function>,
    /// File and name: the path that it was imported by.
    pub imports: HashMap<(String, String), Vec<String>>,
    /// How many functions are being followed: one that calls itself has an end.
    pub depth: Cell<usize>,
    /// File and function: what it is called with.
    pub calls: HashMap<(String, String), Vec<Vec<Option<Value>>>>,
}

impl House {
    pub fn value(&self, expr: &Expr, scope: &Scope, file: &str) -> Option<Value> {
        let text = |text: String| Some(Value::Texts(vec![text]));
        match expr {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(literal) => text(literal.value()),
                Lit::Int(literal) => text(literal.base10_digits().to_owned()),
                _ => None,
            },
            Expr::Reference(inner) => self.value(&inner.expr, scope, file),
            Expr::Paren(inner) => self.value(&inner.expr, scope, file),
            Expr::Block(inner) => self.block(&inner.block, scope.clone(), file),
            Expr::Tuple(tuple) => {
                Some(Value::Tuple(tuple.elems.iter().map(|part| self.value(part, scope, file)).collect()))
            }
            Expr::Array(array) => union(array.elems.iter().map(|part| self.value(part, scope, file))),
            Expr::Match(one) => union(one.arms.iter().map(|arm| self.value(&arm.body, scope, file))),
            Expr::If(one) => {
                let (_, other) = one.else_branch.as_ref()?;
                union([self.block(&one.then_branch, scope.clone(), file), self.value(other, scope, file)])
            }
            Expr::Macro(one) if one.mac.path.is_ident("format") => {
                let parser = Punctuated::<Expr, Token![,]>::parse_terminated;
                let parts: Vec<Expr> = parser.parse2(one.mac.tokens.clone()).ok()?.into_iter().collect();
                self.format(&parts, scope, file)
            }
            Expr::Path(path) => {
                let names: Vec<String> =
                    path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
                if let [name] = names.as_slice()
                    && let Some((_, value)) = scope.iter().rev().find(|(known, _)| known == name)
                {
                    return value.clone();
                }
                let (at, constant) = self.find(&self.constants, &names, file)?;
                self.value(constant, &Vec::new(), at)
            }
            Expr::Call(call) => {
                let Expr::Path(path) = &*call.func else { return None };
                let names: Vec<String> =
                    path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
                match names.last()?.as_str() {
                    "Constants" => self.value(&call.args[0], scope, file),
                    "new" if names[0] == "String" => text(String::new()),
                    _ => {
                        let values = call.args.iter().map(|arg| self.value(arg, scope, file));
                        self.follow(&names, values.collect(), file)
                    }
                }
            }
            Expr::MethodCall(call) if call.args.is_empty() => match call.method.to_string().as_str() {
                "as_str" | "to_owned" | "to_string" | "clone" | "iter" | "into_iter" => {
                    self.value(&call.receiver, scope, file)
                }
                name => self.follow(&[name.to_owned()], Vec::new(), file),
            },
            _ => None,
        }
    }

    /// What a function comes to, when it is called with these.
    fn follow(&self, names: &[String], values: Vec<Option<Value>>, file: &str) -> Option<Value> {
        let (at, function) = self.find(&self.functions, names, file)?;
        if self.depth.get() == FURTHEST {
            return None;
        }
        self.depth.set(self.depth.get() + 1);
        let scope = function.inputs.iter().cloned().zip(values).collect();
        let value = self.block(&function.block, scope, at);
        self.depth.set(self.depth.get() - 1);
        value
    }

    /// What a block comes to.
    fn block(&self, block: &Block, mut scope: Scope, file: &str) -> Option<Value> {
        let (last, others) = block.stmts.split_last()?;
        for statement in others {
            if let Stmt::Local(local) = statement {
                self.bind(local, &mut scope, file);
            }
        }
        match last {
            Stmt::Expr(expr, None) => self.value(expr, &scope, file),
            Stmt::Macro(one) => {
                let expr = syn::ExprMacro { attrs: Vec::new(), mac: one.mac.clone() };
                self.value(&Expr::Macro(expr), &scope, file)
            }
            _ => None,
        }
    }

    pub fn bind(&self, local: &Local, scope: &mut Scope, file: &str) {
        let value = local.init.as_ref().and_then(|init| self.value(&init.expr, scope, file));
        name(&local.pat, value, scope);
    }

    /// What `format!` makes of these parts.
    fn format(&self, parts: &[Expr], scope: &Scope, file: &str) -> Option<Value> {
        let Value::Texts(formats) = self.value(parts.first()?, scope, file)? else { return None };
        let mut named = scope.clone();
        let mut by_place = Vec::new();
        for part in &parts[1..] {
            if let Expr::Assign(one) = part
                && let Expr::Path(name) = &*one.left
            {
                named.push((name.path.get_ident()?.to_string(), self.value(&one.right, scope, file)));
            } else {
                by_place.push(self.value(part, scope, file));
            }
        }
        let mut by_place = by_place.into_iter();
        let mut made = vec![String::new()];
        let mut rest = formats.first()?.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            append(&mut made, &rest[..at]);
            if rest[at..].starts_with("{{") || rest[at..].starts_with("}}") {
                append(&mut made, &rest[at..=at]);
                rest = &rest[at + 2..];
                continue;
            }
            let end = at + rest[at..].find('}')?;
            let value = match &rest[at + 1..end] {
                "" => by_place.next()?,
                name => self.value(&syn::parse_str(name).ok()?, &named, file),
            };
            let Some(Value::Texts(texts)) = value else { return None };
            let joined = |text: &String| texts.iter().map(|more| format!("{text}{more}")).collect::<Vec<_>>();
            made = made.iter().flat_map(joined).collect();
            rest = &rest[end + 1..];
        }
        append(&mut made, rest);
        Some(Value::Texts(made))
    }

    /// What a path names: in the same file; where it was imported from; or the only one of that name.
    fn find<'a, T>(&'a self, all: &'a Named<T>, names: &[String], file: &str) -> Option<(&'a str, &'a T)> {
        let candidates = all.get(names.last()?)?;
        let first = self.imports.get(&(file.to_owned(), names[0].clone()));
        let path: Vec<&String> =
            first.map_or(names.iter().collect(), |path| path.iter().chain(&names[1..]).collect());
        let module: Vec<&str> = path[..path.len() - 1]
            .iter()
            .map(|part| part.as_str())
            .filter(|part| !["crate", "self", "super"].contains(part))
            .collect();
        let place = module.join("/");
        let here = |at: &str| names.len() == 1 && first.is_none() && at == file;
        let there = |at: &str| {
            !place.is_empty()
                && [format!("src/{place}.rs"), format!("src/{place}/mod.rs")].iter().any(|path| path == at)
        };
        let beside = |at: &str| !place.is_empty() && at.ends_with(&format!("/{place}.rs"));
        let only = if let [only] = candidates.as_slice() { Some(only) } else { None };
        let found = candidates
            .iter()
            .find(|(at, _)| here(at))
            .or_else(|| candidates.iter().find(|(at, _)| there(at)))
            .or_else(|| candidates.iter().find(|(at, _)| beside(at)))
            .or(only);
        found.map(|(at, item)| (at.as_str(), item))
    }
}

pub fn identifier(pattern: &Pat) -> Option<String> {
    match pattern {
        Pat::Ident(name) => Some(name.ident.to_string()),
        Pat::Type(typed) => identifier(&typed.pat),
        Pat::Reference(inner) => identifier(&inner.pat),
        _ => None,
    }
}

/// Any of these. None when one of them is not known, or there is none.
pub fn union(values: impl IntoIterator<Item = Option<Value>>) -> Option<Value> {
    let mut whole: Option<Value> = None;
    for value in values {
        whole = Some(match (whole, value?) {
            (None, value) => value,
            (Some(Value::Texts(mut all)), Value::Texts(more)) => {
                all.extend(more);
                all.sort();
                all.dedup();
                Value::Texts(all)
            }
            (Some(Value::Tuple(one)), Value::Tuple(other)) => {
                Value::Tuple(one.into_iter().zip(other).map(|(one, other)| union([one, other])).collect())
            }
            _ => return None,
        });
    }
    whole
}

/// Gives what a pattern names the value that stands there.
pub fn name(pattern: &Pat, value: Option<Value>, scope: &mut Scope) {
    if let Pat::Tuple(tuple) = pattern {
        for (at, part) in tuple.elems.iter().enumerate() {
            let of_part = match &value {
                Some(Value::Tuple(parts)) => parts.get(at).cloned().flatten(),
                _ => None,
            };
            name(part, of_part, scope);
        }
    } else if let Some(name) = identifier(pattern) {
        scope.push((name, value));
    }
}

fn append(texts: &mut [String], more: &str) {
    for text in texts {
        text.push_str(more);
    }
}
