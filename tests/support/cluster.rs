//! A PostgreSQL server of a test's own, which it may stop, start and set up as it likes.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

/// Names the folder of `initdb` and `pg_ctl`; set by `scripts/services`.
const BIN: &str = "MUSONYM_TEST_POSTGRES_BIN";

/// A running server, stopped with its value.
pub struct Cluster {
    folder: TempDir,
    bin: PathBuf,
    port: u16,
}

impl Cluster {
    /// A fresh one, with these lines in front of `pg_hba.conf`; `None`, loudly, where a developer goes without servers.
    pub fn start(hba: &str) -> Option<Self> {
        let bin = super::services::required(BIN)?;
        Some(Self::of(bin.into(), tempfile::tempdir().unwrap(), hba))
    }

    /// A fresh one whose installation lacks an extension, as a server has it where nobody installed its package.
    pub fn without(extension: &str) -> Option<Self> {
        let bin = PathBuf::from(super::services::required(BIN)?);
        let folder = tempfile::tempdir().unwrap();
        let config = |what: &str| {
            let output = Command::new(bin.join("pg_config")).arg(what).output().unwrap();
            PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
        };
        // PostgreSQL finds its parts by where its programs lie, links followed, at the same distances as where it was built for.
        let moved = |path: &Path| folder.path().join(path.strip_prefix("/").unwrap());
        let (libraries, share) = (config("--pkglibdir"), config("--sharedir"));
        fs::create_dir_all(moved(&bin)).unwrap();
        for program in ["initdb", "pg_ctl", "postgres"] {
            fs::copy(bin.join(program), moved(&bin).join(program)).unwrap();
        }
        symlink(bin.join("psql"), moved(&bin).join("psql")).unwrap();
        symlink(&libraries, moved(&libraries)).unwrap();
        let link_all = |from: &Path, left_out: &str| {
            fs::create_dir_all(moved(from)).unwrap();
            for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
                if entry.path().file_stem().is_none_or(|name| name != left_out) {
                    symlink(entry.path(), moved(&entry.path())).unwrap();
                }
            }
        };
        link_all(&share, "extension");
        link_all(&share.join("extension"), extension);
        Some(Self::of(moved(&bin), folder, ""))
    }

    fn of(bin: PathBuf, folder: TempDir, hba: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { folder, bin, port };
        std::os::unix::fs::chown(cluster.folder.path(), Some(owner()), None).unwrap();
        cluster.expect(
            "initdb",
            &["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D", &cluster.data()],
        );
        let file = format!("{}/pg_hba.conf", cluster.data());
        let usual = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{hba}\n{usual}")).unwrap();
        cluster.up();
        cluster
    }

    /// A URL of this server.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// Starts the server that was stopped.
    pub fn up(&self) {
        let options = format!("-p {} -k {} -c shared_buffers=32MB", self.port, self.folder.path().display());
        let log = format!("{}/log", self.folder.path().display());
        self.expect("pg_ctl", &["start", "-w", "-D", &self.data(), "-l", &log, "-o", &options]);
    }

    /// Stops it at once, as a crash does: connections are cut, and what was committed is recovered at the next start.
    pub fn crash(&self) {
        self.expect("pg_ctl", &["stop", "-m", "immediate", "-D", &self.data()]);
    }

    /// Runs SQL as the superuser.
    pub fn sql(&self, database: &str, sql: &str) {
        self.expect("psql", &["-qXv", "ON_ERROR_STOP=1", "-c", sql, &self.url("postgres", database)]);
    }

    fn data(&self) -> String {
        format!("{}/data", self.folder.path().display())
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        // PostgreSQL refuses to run as root.
        let mut command = if owner() == current() {
            Command::new(self.bin.join(program))
        } else {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]).arg(self.bin.join(program));
            command
        };
        // The server keeps what it inherits open: its output goes to its log.
        let output = self.folder.path().join(format!("{program}.out"));
        let file = fs::File::create(&output).unwrap();
        let status =
            command.args(arguments).current_dir("/").stdout(file.try_clone().unwrap()).stderr(file).status().unwrap();
        Output { status, stdout: fs::read(&output).unwrap(), stderr: Vec::new() }
    }

    #[track_caller]
    fn expect(&self, program: &str, arguments: &[&str]) {
        let output = self.run(program, arguments);
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.run("pg_ctl", &["stop", "-m", "immediate", "-D", &self.data()]);
    }
}

/// The user whose server it is: `postgres` where this is root.
fn owner() -> u32 {
    let current = current();
    if current != 0 {
        return current;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let postgres = users.lines().find(|line| line.starts_with("postgres:")).expect("a user postgres");
    postgres.split(':').nth(2).unwrap().parse().unwrap()
}

fn current() -> u32 {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap())
}
