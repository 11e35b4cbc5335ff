//! What an operator is told of templates: which there are, and what one comes to for a person. Signs nothing.

use serde_json::Value;

use super::output::Output;
use super::select::{self, Person};
use crate::Broker;
use crate::content::template::definition::{Audience, Definition, Preset};
use crate::content::template::render::About;
use crate::content::template::{Fault, Template, look_up, mint};
use crate::error::Error;

/// # Errors
/// When the database does not answer.
pub(super) async fn list(broker: &Broker) -> Result<Output, Error> {
    let line = |listed: look_up::Listed| {
        let look_up::Listed { name, definition, environments } = listed;
        let preset = match definition.preset {
            Some(Preset::Hasura) => "hasura",
            None => "-",
        };
        let audience = match definition.audience {
            None => "-".to_owned(),
            Some(Audience::One(audience)) => audience,
            Some(Audience::Several(audiences)) => audiences.join(","),
        };
        let used = if environments.is_empty() { "-".to_owned() } else { environments.join(",") };
        format!("{name}\t{preset}\t{} s\t{audience}\tenvironments {used}", definition.lifetime_seconds)
    };
    Ok(Output::of(look_up::list(broker).await?.into_iter().map(line).collect()))
}

/// # Errors
/// [`Error::InvalidRequest`] when nobody is known by that, or the definition has faults; [`Error::TemplateRefused`].
pub(super) async fn preview(
    broker: &Broker,
    name: &str,
    definition: &Definition,
    person: &Person,
) -> Result<Output, Error> {
    let template = Template::parse(name, definition).map_err(|faults| {
        let line = |fault: &Fault| format!("templates.{name}.{}: {}", fault.path, fault.problem);
        Error::InvalidRequest(faults.iter().map(line).collect::<Vec<_>>().join("\n"))
    })?;
    let account = select::find(broker, person).await?;
    let about = About { account: &account, actor: None };
    let claims = mint::claims(broker, &template, about, broker.clock.now())?;
    let text = serde_json::to_string_pretty(&Value::Object(claims));
    let text = text.map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Output::of(text.lines().map(str::to_owned).collect()))
}
