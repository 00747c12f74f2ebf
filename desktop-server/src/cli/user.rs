//! `bailey user`

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use bailey_rdp::server::credentials::CredentialsFile;

use super::args::UserVerb;
use super::client;
use super::say::say;
use crate::paths;

pub(super) fn user(verb: &UserVerb, state_dir: &Path, json: bool) -> Result<ExitCode> {
    paths::make_state_dir(state_dir)?;
    let file = CredentialsFile::new(paths::credentials(state_dir));
    match verb {
        UserVerb::Add { name } => {
            let stdin = std::io::stdin();
            if stdin.is_terminal() {
                eprintln!("secret for {name} (it shows as you type):");
            }
            let mut secret = String::new();
            stdin.lock().read_line(&mut secret).context("the secret cannot be read from standard input")?;
            file.add(name, secret.trim_end_matches(['\r', '\n']))?;
        }
        UserVerb::Remove { name } => {
            if !file.remove(name)? {
                bail!("there is no user {name}; `bailey user list` lists them");
            }
        }
        UserVerb::List => {
            let users = file.users()?;
            if json {
                client::print_json(&users)?;
            } else {
                users.iter().for_each(|user| say!("{user}"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
