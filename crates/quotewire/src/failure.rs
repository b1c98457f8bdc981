//! Why a command ended badly, and with which exit code: 1 failed, 2 wrong usage or configuration.

use std::fmt;
use std::io;

/// One clear line and an exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    line: String,
    code: u8,
}

impl Failure {
    /// The work failed.
    pub(crate) fn failed(line: impl Into<String>) -> Failure {
        Failure { line: line.into(), code: 1 }
    }

    /// The command line or the configuration is wrong.
    pub(crate) fn usage(line: impl Into<String>) -> Failure {
        Failure { line: line.into(), code: 2 }
    }

    /// A recording cannot be read.
    #[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
    pub(crate) fn capture(error: feed::capture::CaptureError) -> Failure {
        Failure::failed(error.to_string())
    }

    /// Standard output cannot be written. A closed pipe is how `| head` ends us: no line, exit code 0.
    #[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
    pub(crate) fn output(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure { line: String::new(), code: 0 };
        }
        Failure::failed(format!("standard output: {error}"))
    }

    /// The exit code.
    pub(crate) const fn code(&self) -> u8 {
        self.code
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Failure {
        Failure::usage(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}
