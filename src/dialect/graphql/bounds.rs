//! How much one query may ask. Judged before the library validates it: several of its rules walk every fragment as often
//! as it is spread, so a query of a few hundred bytes could keep a processor for hours. Knows the shape of queries, and
//! nobody who asks.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Positioned};

use crate::error::Error;

/// Names, numbers and signs of the text. The real query has 50; what editors ask about the schema has 300.
const TOKENS: usize = 1000;
/// Opening brackets of the text, which bounds how deep the parser goes, wherever they stand.
const BRACKETS: usize = 128;
/// Fields inside fields, once every fragment stands where it is spread.
const DEPTH: usize = 12;
/// Fields, once every fragment stands where it is spread.
const FIELDS: usize = 400;
/// Fields for which the database may be asked.
const LOOK_UPS: usize = 8;
/// Each costs a signature or a call.
const AUTH_TOKENS: usize = 1;

/// Before the text is parsed. Counts too much rather than too little: what looks like a bracket in a string counts too, so
/// nobody can hide one by a spelling that the parser reads in another way.
///
/// # Errors
/// [`Error::InvalidRequest`]
pub fn judge_text(query: &str) -> Result<(), Error> {
    let mut tokens = 0;
    let mut brackets = 0;
    let mut in_word = false;
    for letter in query.chars() {
        let continues = letter.is_alphanumeric() || letter == '_';
        let begins = !(letter.is_whitespace() || continues && in_word);
        tokens += usize::from(begins);
        in_word = continues;
        brackets += usize::from(matches!(letter, '{' | '[' | '('));
    }
    within("words and signs", tokens, TOKENS)?;
    within("opening brackets", brackets, BRACKETS)
}

/// Before the document is validated.
///
/// # Errors
/// [`Error::InvalidRequest`]
pub fn judge(document: &ExecutableDocument) -> Result<(), Error> {
    let mut sizes = Sizes { document, known: HashMap::new() };
    let mut fields = 0;
    for name in document.fragments.keys() {
        // Validated too, whether something spreads it or not.
        fields += sizes.fragment(name)?.fields;
        within("fields", fields, FIELDS)?;
    }
    for (_, operation) in document.operations.iter() {
        let size = sizes.set(&operation.node.selection_set.node)?;
        fields += size.fields;
        within("fields", fields, FIELDS)?;
        within("levels", size.depth, DEPTH)?;
        within("projects and environments", size.look_ups, LOOK_UPS)?;
        within("`authToken`", size.auth_tokens, AUTH_TOKENS)?;
    }
    Ok(())
}

/// What a part of a query expands to.
#[derive(Clone, Copy, Default)]
struct Size {
    depth: usize,
    fields: usize,
    look_ups: usize,
    auth_tokens: usize,
}

impl Size {
    /// Beside one another. None of these numbers can run over: each is judged as soon as it has grown.
    const fn beside(self, other: Self) -> Self {
        Self {
            depth: if self.depth > other.depth { self.depth } else { other.depth },
            fields: self.fields.saturating_add(other.fields),
            look_ups: self.look_ups.saturating_add(other.look_ups),
            auth_tokens: self.auth_tokens.saturating_add(other.auth_tokens),
        }
    }
}

struct Sizes<'a> {
    document: &'a ExecutableDocument,
    /// None while a fragment is being measured: whoever meets it then is inside it.
    known: HashMap<&'a Name, Option<Size>>,
}

impl<'a> Sizes<'a> {
    fn set(&mut self, set: &'a SelectionSet) -> Result<Size, Error> {
        set.items.iter().try_fold(Size::default(), |before, selection| {
            let size = before.beside(self.selection(selection)?);
            within("fields", size.fields, FIELDS).map(|()| size)
        })
    }

    fn selection(&mut self, selection: &'a Positioned<Selection>) -> Result<Size, Error> {
        match &selection.node {
            Selection::Field(field) => {
                let field = &field.node;
                // By its own name: an alias is only another word for the answer.
                let name = field.name.node.as_str();
                let own = Size {
                    depth: 0,
                    fields: 1,
                    look_ups: usize::from(matches!(name, "projects" | "project" | "environment")),
                    auth_tokens: usize::from(name == "authToken"),
                };
                let inner = self.set(&field.selection_set.node)?;
                if inner.auth_tokens > 0 && matches!(name, "projects" | "environments") {
                    // As many as there are, which nobody knows yet.
                    return Err(refuse(
                        "`authToken` is of one environment; name it by `project` and `environment`.",
                    ));
                }
                Ok(Size { depth: inner.depth + 1, ..own.beside(inner) })
            }
            Selection::InlineFragment(inline) => self.set(&inline.node.selection_set.node),
            Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node),
        }
    }

    /// Measured once, however often it is spread.
    fn fragment(&mut self, name: &Name) -> Result<Size, Error> {
        // One that is missing is for the validation to name.
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else {
            return Ok(Size::default());
        };
        match self.known.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err(refuse(&format!("The fragment `{name}` contains itself."))),
            None => {}
        }
        self.known.insert(name, None);
        let size = self.set(&fragment.node.selection_set.node)?;
        self.known.insert(name, Some(size));
        Ok(size)
    }
}

fn within(what: &str, count: usize, most: usize) -> Result<(), Error> {
    if count <= most {
        return Ok(());
    }
    Err(refuse(&format!("The query asks for too much at once: it may have {most} {what}.")))
}

fn refuse(sentence: &str) -> Error {
    Error::InvalidRequest(sentence.to_owned())
}
