//! How we speak TLS, whatever is spoken on top.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};

use super::{Cause, End};

/// Our own TLS settings: named provider (a default one would panic when the dependency graph holds none or two) and
/// the bundled roots.
pub(super) fn config() -> Result<Arc<ClientConfig>, End> {
    static CONFIG: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map(|builder| Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
            .map_err(|error| error.to_string())
    });
    config.clone().map_err(|why| End::of(Cause::Misconfigured, why))
}
