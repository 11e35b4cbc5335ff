//! `attache template …`: lists templates, and shows what one comes to for a person.

use attache::operator::Command;
use clap::{Args, Subcommand};

use super::config_file::ConfigFile;
use super::failure::Failure;
use super::operate::operate;
use super::selection::person;

#[derive(Debug, Subcommand)]
pub enum Template {
    /// List the templates that are in use: name, preset, lifetime, audience, environments that name it
    List(ConfigFile),
    /// Show the claims that would be signed for a person, as JSON; the template is the one of the configuration file
    Preview(Preview),
}

#[derive(Debug, Args)]
pub struct Preview {
    #[command(flatten)]
    file: ConfigFile,
    /// The template's name
    name: String,
    /// For whom: an account's id, a subject at the sign-in issuer, or an issuer and a subject
    #[arg(long, required = true, num_args = 1..=2, value_names = ["ISSUER", "SUBJECT"])]
    account: Vec<String>,
}

pub async fn run(command: Template) -> Result<(), Failure> {
    match command {
        Template::List(file) => operate(&file, Command::ListTemplates).await,
        Template::Preview(Preview { file, name, account }) => {
            let config = file.load()?;
            let definition = config.templates.get(&name).cloned().ok_or_else(|| {
                Failure::Sentence(format!("The configuration file has no [templates.{name}]; add it."))
            })?;
            let definition = Box::new(definition);
            let command = Command::PreviewTemplate { name, definition, person: person(&account) };
            operate(&file, command).await
        }
    }
}
