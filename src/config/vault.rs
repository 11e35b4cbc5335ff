//! Judges `[vault]`: where the master keys come from, and reads them. Adds one fault per mistake, and quotes no key.

use std::path::Path;

use super::fault::ConfigFault;
use super::read_secret::read_secret;
use super::{VaultConfig, command};
use crate::secret::Token;
use crate::vault::master_keys::MasterKey;

pub(super) fn judge(vault: &mut VaultConfig, database_url: &Token, faults: &mut Vec<ConfigFault>) {
    let cure = master_key_cure(database_url);
    if let Some(ours) = vault.command_environment.iter().find(|name| command::is_ours(name)) {
        let problem =
            format!("names {ours}, which is Attaché's own; give what the program needs another name");
        faults.push(ConfigFault::new("vault.command_environment", problem));
        return;
    }
    let given = &vault.command_environment;
    let (key, previous_key) = ("vault.master_key", "vault.previous_master_key");
    let program = vault.master_key_command.as_deref().map(|command| (command, given.as_slice()));
    let file = vault.master_key_file.as_deref();
    let master = read_master_key(key, &mut vault.master_key, file, program, &cure, faults);
    let program = vault.previous_master_key_command.as_deref().map(|command| (command, given.as_slice()));
    let file = vault.previous_master_key_file.as_deref();
    let previous =
        read_master_key(previous_key, &mut vault.previous_master_key, file, program, &cure, faults);
    if matches!(master, Ok(None)) {
        faults.push(ConfigFault::new(key, format!("is missing; {cure}")));
    }
    if let (Ok(Some(master)), Ok(Some(previous))) = (&master, &previous)
        && master == previous
    {
        faults.push(ConfigFault::new(previous_key, "is the master key itself; leave it out"));
    }
}

/// A database that is there is sealed by a key that is there: a new one opens nothing of it.
fn master_key_cure(url: &Token) -> String {
    let known = "give the key of this database, from where your secrets are kept, in vault.master_key_file";
    let new = "`attache vault new-key --out FILE` makes one: name that file in vault.master_key_file";
    match crate::db::sqlite_path(url) {
        Some(path) if path.exists() => format!("{} is there, so {known}", path.display()),
        Some(_) => new.to_owned(),
        None => format!("{known}; only for a database that nobody has used yet, {new}"),
    }
}

/// A master key's id. It comes as a value, as a file or from a program, with the variables that it is given; `Err` when
/// there is a fault.
fn read_master_key(
    key: &str,
    value: &mut Option<Token>,
    file: Option<&Path>,
    program: Option<(&[String], &[String])>,
    cure: &str,
    faults: &mut Vec<ConfigFault>,
) -> Result<Option<String>, ()> {
    if program.is_some() && (file.is_some() || value.is_some()) {
        let problem = format!("is given twice, here and as {key}_command; keep one");
        faults.push(ConfigFault::new(key, problem));
        return Err(());
    }
    if !read_secret(key, value, file, faults) {
        return Err(());
    }
    if let Some((command, given)) = program {
        match command::output(command, given) {
            Ok(secret) => *value = Some(secret),
            Err(problem) => {
                faults.push(ConfigFault::new(format!("{key}_command"), problem));
                return Err(());
            }
        }
    }
    let parsed = value.as_ref().map(MasterKey::parse).transpose();
    parsed.map(|parsed| parsed.map(|master| master.kid)).map_err(|_| {
        let problem = format!("is not 32 bytes in base64; {cure}");
        faults.push(ConfigFault::new(key, problem));
    })
}
