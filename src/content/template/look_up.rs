//! Finds templates: in memory where this process is alone with its database, else by a statement. Changes none.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::definition::Definition;
use super::{Template, is_name, store};
use crate::Broker;
use crate::content::look_up::all as environments;
use crate::db;
use crate::db::write::Transaction;
use crate::error::Error;

/// As memory holds them, by their names.
pub type Templates = BTreeMap<String, Arc<Template>>;

/// # Errors
/// When the database does not answer, or the template is one that another version wrote.
pub async fn by_name(broker: &Broker, name: &str) -> Result<Option<Arc<Template>>, Error> {
    // PostgreSQL refuses some of the texts that are no name.
    if !is_name(name) {
        return Ok(None);
    }
    let load = async || {
        let all = store::all(&broker.db).await?;
        Ok::<Templates, Error>(all.into_iter().filter_map(|(name, of)| parse(&name, &of).ok()).collect())
    };
    if let Some(held) = broker.held.templates.held(&broker.db, load).await? {
        return Ok(held.get(name).cloned());
    }
    let found = store::by_name(&broker.db, name).await?;
    Ok(found.map(|definition| parse(name, &definition)).transpose()?.map(|(_, template)| template))
}

/// A template as the operator lists it.
#[derive(Debug)]
pub struct Listed {
    pub name: String,
    pub definition: Definition,
    /// Keys of the environments that name it.
    pub environments: Vec<String>,
}

/// Every template that is in use, for the operator.
///
/// # Errors
/// When the database does not answer.
pub async fn list(broker: &Broker) -> Result<Vec<Listed>, db::Error> {
    let environments = environments(broker).await?;
    let listed = |(name, definition): (String, Definition)| {
        let naming = environments.iter().filter(|environment| environment.template.as_ref() == Some(&name));
        Listed { environments: naming.map(|environment| environment.key.clone()).collect(), name, definition }
    };
    Ok(store::all(&broker.db).await?.into_iter().map(listed).collect())
}

/// Templates are changed in this transaction.
pub(super) fn changed(broker: &Broker, transaction: &mut Transaction) {
    let broker = broker.clone();
    transaction.after_commit(move || broker.held.templates.forget());
}

fn parse(name: &str, definition: &Definition) -> Result<(String, Arc<Template>), Error> {
    let template = Template::parse(name, definition).map_err(|faults| {
        tracing::error!(template = name, ?faults, "a stored template is none that this version takes");
        Error::Internal(format!("The template {name} is none that this version takes."))
    })?;
    Ok((name.to_owned(), Arc::new(template)))
}
