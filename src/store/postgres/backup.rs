//! PostgreSQL's own tools copy its databases; here are the commands for this one.

use std::{path::Path, str::FromStr};

use secrecy::ExposeSecret;
use sqlx::postgres::PgConnectOptions;

use super::{PostgresOptions, connect};
use crate::store::{Result, SETTING_INSTALLATION};

/// What comes after the name of the database in that of one that is restored beside it.
const RESTORED: &str = "_restored";

/// The command that writes this database into a file while it is in use. Without the password, for which it asks.
///
/// # Errors
/// [`crate::store::StoreError::Unusable`] when the URL cannot be read.
pub fn backup_commands(options: &PostgresOptions, file: &Path) -> Result<String> {
    let (server, database) = server_and_database(options)?;
    let file = quoted(&file.to_string_lossy());
    Ok(format!("pg_dump --format=custom --no-owner {server} --file={file} {}", quoted(&database)))
}

/// The commands that make a new database of such a file, beside this one. The last takes the installation's name out: under that a
/// shared cache may hold answers of versions that come a second time.
///
/// # Errors
/// [`crate::store::StoreError::Unusable`] when the URL cannot be read.
pub fn restore_commands(options: &PostgresOptions, file: &Path) -> Result<String> {
    let (server, database) = server_and_database(options)?;
    let (file, restored) = (quoted(&file.to_string_lossy()), quoted(&format!("{database}{RESTORED}")));
    Ok(format!(
        "createdb {server} --template=template0 {restored}\n\
         pg_restore --exit-on-error --no-owner {server} --dbname={restored} {file}\n\
         psql --quiet {server} --dbname={restored} --command=\"DELETE FROM setting WHERE key = '{SETTING_INSTALLATION}'\""
    ))
}

fn server_and_database(options: &PostgresOptions) -> Result<(String, String)> {
    let connect = PgConnectOptions::from_str(options.url.expose_secret()).map_err(|_| connect::unreadable_url())?;
    let host = match connect.get_socket() {
        Some(socket) => socket.to_string_lossy().into_owned(),
        None => connect.get_host().to_owned(),
    };
    let user = connect.get_username();
    let database = connect.get_database().unwrap_or(user).to_owned();
    let server = format!("--host={} --port={} --username={}", quoted(&host), connect.get_port(), quoted(user));
    Ok((server, database))
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_name_the_database_and_never_the_password() {
        let options = PostgresOptions::new("postgres://me:secret@db.lan:5433/my%20tags".to_owned());
        let commands = backup_commands(&options, Path::new("it's.dump")).unwrap();
        let expected = r"pg_dump --format=custom --no-owner --host=db.lan --port=5433 --username=me --file='it'\''s.dump' 'my tags'";
        assert_eq!(commands, expected);
        let commands = restore_commands(&options, Path::new("a.dump")).unwrap();
        assert!(commands.contains("--dbname='my tags_restored' a.dump") && !commands.contains("secret"), "{commands}");
    }
}
