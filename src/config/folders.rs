//! Where things lie when nobody says: the XDG Base Directory Specification 0.8, read from the environment.

use std::path::PathBuf;

use super::Environment;

/// This program's folder below a base folder.
const NAME: &str = "musonym";

/// The folder for data: `$XDG_DATA_HOME/musonym`, else `~/.local/share/musonym`.
pub(super) fn data(environment: &Environment) -> Option<PathBuf> {
    base(environment, "XDG_DATA_HOME", &[".local", "share"])
}

/// The folder for configuration: `$XDG_CONFIG_HOME/musonym`, else `~/.config/musonym`.
pub(super) fn config(environment: &Environment) -> Option<PathBuf> {
    base(environment, "XDG_CONFIG_HOME", &[".config"])
}

fn base(environment: &Environment, variable: &str, below_home: &[&str]) -> Option<PathBuf> {
    // "All paths set in these environment variables must be absolute", others are ignored.
    let absolute = |name: &str| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(variable).or_else(|| {
        let mut home = absolute("HOME")?;
        home.extend(below_home);
        Some(home)
    })?;
    Some(base.join(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_variable_wins_and_a_relative_one_is_ignored() {
        let folder =
            |data_home| data(&Environment::of(&[("HOME", "/home/ada"), ("XDG_DATA_HOME", data_home)])).unwrap();
        assert_eq!(folder("/srv"), PathBuf::from("/srv/musonym"));
        assert_eq!(folder("srv"), PathBuf::from("/home/ada/.local/share/musonym"));
    }

    #[test]
    fn without_a_home_there_is_none() {
        assert_eq!(data(&Environment::of(&[])), None);
    }
}
