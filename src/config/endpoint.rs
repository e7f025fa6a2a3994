//! `[rate_limit]` and `[[endpoint]]`.

use std::{collections::HashMap, time::Duration};

use super::{
    pagination,
    reader::{Problem, Section},
    since, transforms,
    tree::{Node, Origin},
    values, window,
};
use crate::{
    api::pagination::Style,
    limits::Limit,
    sync::{EndpointSettings, Guard, OnMissing},
};

/// The greatest number that TOML can hold.
const MOST_ROWS: i128 = i64::MAX as i128;

/// What `[rate_limit]` says.
pub(super) struct RateLimit {
    pub(super) limit: Limit,
    pub(super) max_wait: Duration,
}

/// Reads the limit that holds where an endpoint states no other.
pub(super) fn read_default_limit(root: &mut Section<'_>) -> RateLimit {
    let mut section = root.section("rate_limit");
    // The service's documented default: 20 requests a minute for each endpoint.
    let limit = read_limit(&mut section, Limit { requests: 20, per: Duration::from_mins(1) });
    let max_wait =
        section.optional("max_wait", values::duration).unwrap_or(Duration::from_mins(10));
    section.finish();
    RateLimit { limit, max_wait }
}

fn read_limit(section: &mut Section<'_>, default: Limit) -> Limit {
    let requests =
        section.optional("requests", |node| values::whole(node, 0, i128::from(u32::MAX)));
    let per = section.optional("per", values::positive_duration);
    Limit { requests: requests.unwrap_or(default.requests), per: per.unwrap_or(default.per) }
}

/// What the `[[endpoint]]` tables say.
pub(super) struct Endpoints {
    pub(super) settings: Vec<EndpointSettings>,
    /// All names as written, once each, those of endpoints with errors too.
    pub(super) names: Vec<String>,
}

/// Reads all of them.
pub(super) fn read_all(root: &mut Section<'_>, default: Limit) -> Endpoints {
    let diagnostics = root.diagnostics();
    let members = root.members("endpoint");
    let mut endpoints = Endpoints { settings: Vec::new(), names: Vec::new() };
    let mut groups = HashMap::new();
    for mut endpoint in members {
        let before = diagnostics.count();
        if let (Some(name), Some(origin)) = (endpoint.peek("name"), endpoint.origin_of("name")) {
            if endpoints.names.contains(&name) {
                let problem =
                    Problem::new("is the name of another endpoint too", "choose another name");
                endpoint.report(&origin, "name", problem);
            } else {
                endpoints.names.push(name);
            }
        }
        let limit_origin = endpoint.origin_of("rate_limit").or_else(|| endpoint.origin().cloned());
        let settings = read(&mut endpoint, default);
        if let (Some(settings), Some(origin), true) =
            (&settings, limit_origin, diagnostics.count() == before)
        {
            check_group(&endpoint, settings, &origin, &mut groups);
        }
        endpoints.settings.extend(settings);
        endpoint.finish();
    }
    endpoints
}

/// The endpoints of a group share one budget, so they cannot differ on how large it is.
fn check_group(
    endpoint: &Section<'_>,
    settings: &EndpointSettings,
    origin: &Origin,
    groups: &mut HashMap<String, (String, Limit)>,
) {
    let EndpointSettings { name, group, limit, .. } = settings;
    let (other, theirs) =
        groups.entry(group.clone()).or_insert_with(|| (name.clone(), *limit)).clone();
    if theirs != *limit {
        let shown = |limit: &Limit| format!("{} requests per {:?}", limit.requests, limit.per);
        let message = format!(
            "shares the group `{group}` with `{other}` but not its limit: {}, not {}",
            shown(limit),
            shown(&theirs)
        );
        let help = "give both the same limit, or a `group` each";
        endpoint.report(origin, "rate_limit", Problem::new(message, help));
    }
}

fn read(endpoint: &mut Section<'_>, default: Limit) -> Option<EndpointSettings> {
    let name = endpoint.required("name", r#""reservations""#, name);
    let path = endpoint.required("path", r#""/v2/reservations""#, request_path);
    let params = endpoint.map("params", r#"{ includeCancelled = "true" }"#, |name, node| {
        if name.is_empty() {
            return Err(Problem::new("has no name", "such as { includeCancelled = \"true\" }"));
        }
        Ok((name.to_owned(), values::text(node)?))
    });
    let records = endpoint.optional("records", values::field);
    let total = endpoint.optional("total", values::field);
    let style = match endpoint.optional_section("pagination") {
        Some(section) => pagination::read(section),
        None => Some(Style::None),
    };
    let (limit, group) = read_rate_limit(endpoint, default);
    let transforms = transforms::read(endpoint);
    let window = endpoint
        .optional_section("window")
        .map(|section| window::read(section, style.as_ref(), transforms.as_ref()));
    let window = window.flatten();
    let others = since::Others { params: &params, style: style.as_ref(), window: window.as_ref() };
    let since = endpoint.optional_section("since").map(|section| since::read(section, &others));
    let on_missing = read_on_missing(endpoint);
    let stale_after = endpoint.optional("stale_after", values::positive_duration);

    let (name, path) = (name?, path?);
    Some(EndpointSettings {
        group: group.unwrap_or_else(|| path.clone()),
        name,
        path,
        params,
        records,
        total,
        pagination: style?,
        window,
        since: since.flatten(),
        limit,
        transforms: transforms?,
        on_missing,
        stale_after,
    })
}

fn read_rate_limit(endpoint: &mut Section<'_>, default: Limit) -> (Limit, Option<String>) {
    let mut section = endpoint.section("rate_limit");
    let limit = read_limit(&mut section, default);
    let group = section.optional("group", values::filled_text);
    section.finish();
    (limit, group)
}

/// Reads what becomes of rows that the API no longer returns, and how many are marked without asking.
fn read_on_missing(endpoint: &mut Section<'_>) -> OnMissing {
    let marks = endpoint
        .optional("on_missing", |node| values::word(node, &[("mark", true), ("keep", false)]));
    let mut missing = endpoint.section("missing");
    let max_share = missing.optional("max_share", values::share);
    let min_rows = missing.optional("min_rows", |node| values::whole(node, 0, MOST_ROWS));
    let confirm = missing.optional("confirm", values::boolean);
    missing.finish();
    if !marks.unwrap_or(true) {
        return OnMissing::Keep;
    }
    OnMissing::Mark(Guard {
        max_share: max_share.unwrap_or(0.3),
        min_rows: min_rows.unwrap_or(20),
        confirm: confirm.unwrap_or(true),
    })
}

fn name(node: &Node) -> Result<String, Problem> {
    let name = values::text(node)?;
    let help = "it names the table: lower-case letters, digits and `_`, a letter first";
    if name.starts_with("sqlite_") || name.starts_with("_sync_") {
        let message = format!(
            "must not begin as `{name}` does: such tables are SQLite's or the program's own"
        );
        return Err(Problem::new(message, help));
    }
    let valid = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !valid {
        return Err(Problem::new(format!("must not be `{name}`"), help));
    }
    Ok(name)
}

fn request_path(node: &Node) -> Result<String, Problem> {
    let path = values::text(node)?;
    let problem = if !path.starts_with('/') || path.starts_with("//") {
        Problem::new(
            "must begin with one `/`",
            "write the path only, such as \"/v2/reservations\": the host is `api.base_url`",
        )
    } else if path.contains(['?', '#']) {
        Problem::new("must not hold `?` or `#`", "put query parameters in `params`")
    } else if path.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        Problem::new(
            "must not hold white space or a backslash",
            "percent-encode what belongs to the path, such as %20 for a space",
        )
    } else {
        return Ok(path);
    };
    Err(problem)
}
