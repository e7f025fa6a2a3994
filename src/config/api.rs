//! `[api]` and `[retry]`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use url::Url;

use super::{reader::Section, values};
use crate::api::Settings;

/// What the two tables say.
pub(super) struct Api {
    pub(super) settings: Settings,
    pub(super) client_id: Option<String>,
    pub(super) client_secret_file: Option<PathBuf>,
    pub(super) hash_key_file: Option<PathBuf>,
}

/// Reads both; paths of files begin at `folder`.
pub(super) fn read(root: &mut Section<'_>, folder: &Path) -> Api {
    let mut api = root.section("api");
    let file = |node: &_| Ok(folder.join(values::filled_text(node)?));
    let base_url = api.optional("base_url", values::base_url);
    let token_url = api.optional("token_url", values::service_url);
    let scope = api.optional("scope", values::filled_text);
    let timeout = api.optional("timeout", values::positive_duration);
    let max_body = api.optional("max_body", values::size);
    let proxy = api.optional("proxy", values::proxy);
    let ca_file = api.optional("ca_file", file);
    let client_id = api.optional("client_id", values::text);
    let client_secret_file = api.optional("client_secret_file", file);
    let hash_key_file = api.optional("hash_key_file", file);
    api.finish();

    let mut retry = root.section("retry");
    let max_elapsed = retry.optional("max_elapsed", values::duration);
    retry.finish();

    let settings = Settings {
        base_url: base_url.unwrap_or_else(|| documented("https://api.mapiq.com")),
        token_url: token_url
            .unwrap_or_else(|| documented("https://account.mapiq.com/api/public/oauth2/token")),
        scope: scope.unwrap_or_else(|| "https://api.mapiq.com/public/.default".to_owned()),
        timeout: timeout.unwrap_or(Duration::from_secs(30)),
        max_body: max_body.unwrap_or(64 << 20),
        proxy,
        ca_file,
        max_elapsed: max_elapsed.unwrap_or(Duration::from_mins(5)),
    };
    Api { settings, client_id, client_secret_file, hash_key_file }
}

fn documented(url: &str) -> Url {
    url.parse().expect("the documented URLs are valid")
}
