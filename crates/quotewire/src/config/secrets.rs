//! Credentials: where the file says that they stand.

use feed::Secret;
use toml::Spanned;

use super::Fault;

/// A credential from the environment or from a file, never from the configuration itself: that is shown and copied.
pub(super) fn secret(
    name: &str,
    env: Option<Spanned<String>>,
    file: Option<Spanned<String>>,
) -> Result<Option<Secret>, Fault> {
    let (span, text) = match (env, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(file)) => {
            return Err(Fault::at(&file.span(), format!("give {name}_env or {name}_file, not both")));
        }
        (Some(env), None) => {
            let text = std::env::var(env.get_ref())
                .map_err(|_| Fault::at(&env.span(), format!("the environment has no {:?}", env.get_ref())))?;
            (env.span(), text)
        }
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file.get_ref())
                .map_err(|error| Fault::at(&file.span(), format!("{}: {error}", file.get_ref())))?;
            (file.span(), text)
        }
    };
    match text.trim() {
        "" => Err(Fault::at(&span, "there is nothing in it")),
        text => Ok(Some(Secret::new(text))),
    }
}
