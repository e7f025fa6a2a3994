use super::*;

/// Each line below the endpoint's key is refused, once, at its own line, with these words and this mend.
#[test]
fn a_wrong_line_of_an_endpoint_is_refused() {
    let cases = [
        ("colour = 1", "unknown key `endpoint.users.colour`", "known here: name, path, params"),
        ("record = 'x'", "unknown key `endpoint.users.record`", "did you mean `records`?"),
        ("params = 'a=b'", "`endpoint.users.params` must be a table, not a string", "such as {"),
        ("params = { a = true }", "users.params.a` must be a string, not a boolean", "quotes"),
        ("records = 5", "users.records` must be a string, not a number", "quotes"),
        ("records = 'a..b'", "users.records` must be a dotted path", "such as \"id\""),
        ("records = 'a[].b'", "users.records` must name one value", "leave `[]` out"),
        ("total = ''", "users.total` must be a dotted path", "such as \"id\""),
        ("exclude = 'email'", "users.exclude` must be a list, not a string", "such as [\"id\"]"),
        ("exclude = [1]", "users.exclude` must be a string, not a number", "quotes"),
        ("exclude = ['id']", "users.key` names `id`, which `exclude` drops", "take it out"),
        ("json = ['id']", "users.key` names `id`, which `json` keeps as text", "take it out"),
        ("json = ['a[]']", "users.json` must name one value", "leave `[]` out"),
        ("types = { a = 'string' }", "users.types.a` must be one of integer, real", "known here"),
        ("types = { 'a[].b' = 'text' }", "users.types.a[].b` must name one value", "leave `[]`"),
        ("hash = 'email'", "users.hash` must be a list, not a string", "such as [\"id\"]"),
        ("hash = ['a']\njson = ['a']", "users.hash` names `a`, while `json` keeps `a`", "take it"),
        ("hash = ['a']\ntypes = { 'a.b' = 'text' }", "while `types` gives `a.b` a type", "text"),
        ("hash = ['a[].b']\nexclude = ['a']", "`a[].b`, which `exclude` drops with `a`", "take it"),
        ("hash = ['a', 'a[].b']", "names `a[].b`, which it hashes with `a` already", "take one"),
        ("hash = ['a', 'a']", "names `a`, which it hashes with `a` already", "take one"),
        ("since = 'x'", "users.since` must be a table, not a string", "such as since = {"),
        ("window = '1d'", "users.window` must be a table, not a string", "such as window = {"),
        ("missing = { max_share = 30 }", "users.missing.max_share` must be from 0 to 1", "0.33"),
        ("missing = { max_share = '0.3' }", "must be a number from 0 to 1, not a string", "quotes"),
        ("missing = { min_rows = -1 }", "users.missing.min_rows` must be a whole number", "these"),
        ("missing = { confirm = 'no' }", "must be true or false, not a string", "without quotes"),
        ("missing = { ask = true }", "unknown key `endpoint.users.missing.ask`", "max_share"),
        ("on_missing = 'kep'", "users.on_missing` must be one of mark, keep", "mean `keep`?"),
        ("rate_limit = 5", "users.rate_limit` must be a table, not a number", "rate_limit = {"),
        ("rate_limit = { per = '0s' }", "rate_limit.per` must be longer than zero", "\"60s\""),
        (
            "rate_limit = { per = 60 }",
            "rate_limit.per` must be a duration with its unit",
            "\"60s\"",
        ),
        ("rate_limit = { max_wait = '1s' }", "unknown key `endpoint.users.rate_limit.max_wait`", {
            "known here: requests, per, group"
        }),
        ("rate_limit = { group = '' }", "rate_limit.group` is empty", "leave the key out"),
        ("rate_limit = { requests = -1 }", "must be a whole number from 0 to 4294967295", "choose"),
        (
            "rate_limit = { requests = 1.5 }",
            "must be a whole number, not a number with a",
            "digits",
        ),
    ];
    for (line, message, help) in cases {
        expect_refused(line, message, help);
    }
}

/// The same of the pagination.
#[test]
fn a_wrong_pagination_is_refused() {
    let cases = [
        ("pagination = 'page'", "users.pagination` must be a table", "such as pagination = {"),
        ("pagination = { size = 5 }", "`endpoint.users.pagination.style` is missing", "\"page\""),
        ("pagination = { style = 'pages' }", "must be one of none, page, offset", "mean `page`?"),
        ("pagination = { style = 'link', next = 'x' }", "and this endpoint's is `link`", "choose"),
        ("pagination = { style = 'next-url' }", "pagination.next` is missing", "\"nextLink\""),
        (
            "pagination = { style = 'next-url', next = 'x', param = 'y' }",
            "belongs to the style `cursor`, and this endpoint's is `next-url`",
            { "choose that style" },
        ),
        (
            "pagination = { style = 'next-url', next = 'x', limit = 5 }",
            "belongs to the style `offset`",
            { "a fixed size can be given in the endpoint's `params`" },
        ),
        ("pagination = { style = 'offset', limit = 0 }", "must be a whole number from 1", "choose"),
        ("pagination = { style = 'offset', first = 1 }", "belongs to the style `page`", "choose"),
        ("pagination = { style = 'offset', limit_param = 'x' }", "says nothing without `limit`", {
            "add limit = 200"
        }),
        (
            "pagination = { style = 'offset', offset_param = 'limit', limit = 1 }",
            "limit_param` is the parameter of the offset too",
            { "name two parameters" },
        ),
        (
            "pagination = { style = 'none', next = 'x' }",
            "belongs to the style `cursor` or `next-url`",
            { "leave it out, or choose that style" },
        ),
        ("pagination = { style = 'page', offset_param = 'x' }", "belongs to the style `offset`", {
            "choose that style"
        }),
        ("pagination = { style = 'page', size_param = 'x' }", "says nothing without `size`", "add"),
        (
            "pagination = { style = 'page', size_param = 'page', size = 1 }",
            "the page's number too",
            { "name two parameters" },
        ),
        ("pagination = { style = 'page', size = 0 }", "must be a whole number from 1", "choose"),
        (
            "pagination = { style = 'page', colour = 0 }",
            "unknown key `endpoint.users.pagination",
            { "known here" },
        ),
        ("pagination = { style = 'cursor', next = 'x' }", "pagination.param` is missing", "cursor"),
        ("pagination = { style = 'cursor', param = 'x' }", "pagination.next` is missing", "next ="),
        (
            "pagination = { style = 'cursor', param = 'x', next = 'y', size = 5 }",
            { "belongs to the style `page`, and this endpoint's is `cursor`" },
            "a fixed size can be given in the endpoint's `params`",
        ),
    ];
    for (line, message, help) in cases {
        expect_refused(line, message, help);
    }
}

/// Makes sure that a line below the endpoint's key is refused, once, at its own line, with these words and this mend.
#[track_caller]
fn expect_refused(line: &str, message: &str, help: &str) {
    let shown = shown(&changed("key = [\"id\"]\n", &format!("key = [\"id\"]\n{line}\n")), &[]);
    assert!(shown.starts_with("the configuration has an error\n"), "{line}:\n{shown}");
    let at = if message.contains("users.key`") { 5 } else { 6 };
    assert!(shown.contains(&format!("config.toml:{at}:")), "{line}:\n{shown}");
    assert!(shown.contains(message), "{line}:\n{shown}");
    assert!(shown.contains(help), "{line}:\n{shown}");
}

/// Each line above the endpoints is refused.
#[test]
fn a_wrong_line_of_a_section_is_refused() {
    let cases = [
        ("colour = 1", "unknown key `colour`", "known here: api, retry, rejects, database"),
        ("endpoints = 1", "unknown key `endpoints`", "did you mean `endpoint`?"),
        ("api = 1", "`api` must be a table, not a number", "below a line `[api]`"),
        ("api = []", "`api` must be a table, not a list", "below a line `[api]`"),
        ("api.client_secret = 'x'", "unknown key `api.client_secret`", "set MAPIQ_CLIENT_SECRET"),
        ("api.hash_key = 'x'", "unknown key `api.hash_key`", "set MAPIQ_HASH_KEY"),
        ("api.hash_key_file = ''", "`api.hash_key_file` is empty", "leave the key out"),
        ("api.time_out = '1s'", "unknown key `api.time_out`", "did you mean `timeout`?"),
        ("api.timeout = '0s'", "`api.timeout` must be longer than zero", "\"60s\""),
        ("api.timeout = '1 s'", "`api.timeout` must be a duration, not `1 s`", "without a space"),
        ("api.max_body = '64MB'", "`api.max_body` must be a size, not `64MB`", "\"64MiB\""),
        ("api.max_body = 5", "`api.max_body` must be a size with its unit", "\"5B\""),
        ("api.scope = ''", "`api.scope` is empty", "leave the key out"),
        ("api.ca_file = ''", "`api.ca_file` is empty", "leave the key out"),
        ("api.base_url = 'http://a.b'", "`api.base_url` must be https", "write https://"),
        ("api.token_url = 'http://a.b'", "`api.token_url` must be https", "write https://"),
        ("api.base_url = 'a.b'", "`api.base_url` must be a URL", "https://api.mapiq.com"),
        ("api.base_url = 'https://a.b?x'", "must not have a query", "`params`"),
        ("api.base_url = 'https://a.b#x'", "must not have a fragment", "leave out `#`"),
        ("api.base_url = 'https://u@a.b'", "must not have a user", "MAPIQ_CLIENT_ID"),
        ("api.proxy = 'http://u:p@a.b'", "must not have a user or a password", "HTTPS_PROXY"),
        ("api.proxy = 'socks5://a.b'", "`api.proxy` must be an https or http URL", "3128"),
        ("api.proxy = 'http://a.b/x'", "must be no more than a scheme, a host", "3128"),
        ("rate_limit.pre = '1s'", "unknown key `rate_limit.pre`", "did you mean `per`?"),
        ("rate_limit.per = '1x'", "`rate_limit.per` must be a duration, not `1x`", "\"60s\""),
        ("rate_limit.group = 'x'", "unknown key `rate_limit.group`", "known here"),
        ("rate_limit.requests = '20'", "must be a whole number, not a string", "without quotes"),
        ("rate_limit.max_wait = '9999d'", "`rate_limit.max_wait` is too long", "\"366d\""),
        ("retry.max_elapse = '1m'", "unknown key `retry.max_elapse`", "`max_elapsed`?"),
        (
            "rejects.keep = -1",
            "`rejects.keep` must be a whole number from 0 to 4294967295",
            "choose",
        ),
        (
            "rejects.days = 0",
            "`rejects.days` must be a whole number from 1 to 3660, not 0",
            "choose",
        ),
        ("rejects.day = 9", "unknown key `rejects.day`", "did you mean `days`?"),
        ("database.group = 'x'", "`database.group` is not supported yet", "setgid"),
        ("database.mode = 640", "must be a string of octal digits, not a number", "\"0640\""),
        ("database.mode = '0755'", "no bits but those to read and write, not 0755", "\"0640\""),
        ("database.mode = '0440'", "must let the owner read and write, not 0440", "\"0640\""),
        ("database.path = ':memory:'", "must be the path of a file", "\"mapiq.db\""),
        ("database.paths = 'x'", "unknown key `database.paths`", "did you mean `path`?"),
        ("x = hello", "a string must be quoted", "double quotes"),
        ("x =", "a value is missing", "after the `=`"),
    ];
    for (line, message, help) in cases {
        let shown = shown(&format!("{line}\n{LEAST}"), &[]);
        assert!(shown.starts_with("the configuration has an error\n"), "{line}:\n{shown}");
        assert!(shown.contains("config.toml:1:"), "{line}:\n{shown}");
        assert!(shown.contains(message), "{line}:\n{shown}");
        assert!(shown.contains(help), "{line}:\n{shown}");
    }
}

/// Each change of a line that is required is refused.
#[test]
fn a_wrong_required_line_is_refused() {
    let cases = [
        ("name = \"users\"\n", "", "`endpoint.name` is missing", "add name = \"reservations\""),
        ("path = \"/v2/users\"\n", "", "`endpoint.users.path` is missing", "add path ="),
        ("key = [\"id\"]\n", "", "`endpoint.users.key` is missing", "add key = [\"id\"]"),
        ("key = [\"id\"]\n", "key = []\n", "`endpoint.users.key` is empty", "such as [\"id\"]"),
        ("[\"id\"]", "[\"a\", \"a\"]", "`endpoint.users.key` names `a` twice", "once"),
        ("[\"id\"]", "[\"a[]\"]", "`endpoint.users.key` must name one value", "leave `[]` out"),
        ("/v2/users", "v2/users", "users.path` must begin with one `/`", "\"/v2/reservations\""),
        ("/v2/users", "//h/users", "users.path` must begin with one `/`", "`api.base_url`"),
        ("/v2/users", "https://h/users", "users.path` must begin with one `/`", "`api.base_url`"),
        ("/v2/users", "/v2/users?a=b", "users.path` must not hold `?` or `#`", "`params`"),
        ("/v2/users", "/v2/users#a", "users.path` must not hold `?` or `#`", "`params`"),
        ("/v2/users", "/v2/all users", "users.path` must not hold white space", "%20"),
        ("name = \"directory\"\n", "", "`job.name` is missing", "add name = \"bookings\""),
        ("name = \"directory\"", "name = \" \"", "is empty", "write a value"),
        ("schedule = \"0 0 5 * * *\"\n", "", "`job.directory.schedule` is missing", "*/15"),
        ("0 0 5 * * *", "0 5 * * *", "has five fields", "write \"0 0 5 * * *\""),
        ("0 0 5 * * *", "@daily", "must have six fields, not 1", "second minute hour"),
        ("0 0 5 * * *", "0 0 5 * * * 2030", "must have six fields, not 7", "second minute hour"),
        ("0 0 5 * * *", "0 61 5 * * *", "must be a cron schedule", "second minute hour"),
        ("0 0 5 * * *", "0 0 5 31 2 *", "never comes", "second minute hour"),
        ("endpoints = [\"users\"]\n", "", "`job.directory.endpoints` is missing", "add endpoints"),
        ("[\"users\"]", "[]", "`job.directory.endpoints` is empty", "such as"),
        ("[\"users\"]", "[\"user\"]", "there is no endpoint `user`", "did you mean `users`?"),
        ("[\"users\"]", "[\"users\", \"users\"]", "names `users` twice", "name it once"),
        ("[\"users\"]", "\"users\"", "endpoints` must be a list, not a string", "such as"),
        ("[\"users\"]", "[\"users\"]\nzone = 1", "unknown key `job.directory.zone`", "known here"),
        ("[[endpoint]]", "[endpoint]", "`endpoint` must be a list of tables", "`[[endpoint]]`"),
        ("[[job]]", "[job]", "`job` must be a list of tables", "`[[job]]`"),
    ];
    for (from, to, message, help) in cases {
        let shown = shown(&changed(from, to), &[]);
        assert!(shown.contains(message), "{from} -> {to}:\n{shown}");
        assert!(shown.contains(help), "{from} -> {to}:\n{shown}");
        assert!(shown.contains("config.toml:"), "{from} -> {to}:\n{shown}");
    }
}

#[test]
fn a_name_that_cannot_be_a_table_is_refused() {
    for name in ["Users", "1users", "_users", "users-all", "", "sqlite_x", "_sync_runs", "naïve"] {
        let text = LEAST.replace("\"users\"", &format!("\"{name}\""));
        assert!(shown(&text, &[]).contains("must not be"), "{name}");
    }
}

#[test]
fn a_time_zone_is_suggested_by_its_city_or_its_spelling() {
    for (zone, help) in [
        ("Amsterdam", "did you mean \"Europe/Amsterdam\"?"),
        ("europe/amsterdam", "did you mean \"Europe/Amsterdam\"?"),
        ("Europe/Amsterdm", "did you mean \"Europe/Amsterdam\"?"),
        ("Somewhere on the moon", "an IANA name, such as \"Europe/Amsterdam\""),
    ] {
        let text = format!("{LEAST}timezone = \"{zone}\"\n");
        let shown = shown(&text, &[]);
        assert!(shown.contains(&format!("must be a time zone, not `{zone}`")), "{shown}");
        assert!(shown.contains(help), "{shown}");
    }
}

#[test]
fn endpoints_of_one_group_cannot_differ_on_its_limit() {
    let second = |path: &str, limit: &str| {
        format!(
            "{LEAST}[[endpoint]]\nname = 'b'\npath = '{path}'\nkey = ['id']\nrate_limit = {limit}\n"
        )
    };
    let by_path = shown(&second("/v2/users", "{ requests = 5 }"), &[]);
    assert!(by_path.contains("config.toml:15:"), "{by_path}");
    assert!(by_path.contains("shares the group `/v2/users` with `users`"), "{by_path}");
    assert!(by_path.contains("5 requests per 60s, not 20 requests per 60s"), "{by_path}");
    let by_name = shown(&second("/v2/b", "{ per = '5s', group = '/v2/users' }"), &[]);
    assert!(by_name.contains("shares the group `/v2/users`"), "{by_name}");
    assert!(load(&second("/v2/users", "{ requests = 5, group = 'own' }"), &[]).is_ok());
    assert!(load(&second("/v2/users", "{ requests = 20 }"), &[]).is_ok());
}

#[test]
fn a_variable_that_names_nothing_is_refused_by_its_name() {
    for (variable, value, message, help) in [
        ("MAPIQ_SYNC__RATE_LIMIT__PRE", "6s", "unknown key `rate_limit.pre`", "mean `per`?"),
        ("MAPIQ_SYNC__RATE_LIMIT__PER", "6x", "`rate_limit.per` must be a duration", "\"60s\""),
        ("MAPIQ_SYNC__RATE_LIMIT__REQUESTS", "many", "not a string", "digits only"),
        ("MAPIQ_SYNC__RATELIMIT__PER", "6s", "unknown key `ratelimit`", "mean `rate_limit`?"),
        ("MAPIQ_SYNC__API", "x", "`api` must be a table, not a string", "`[api]`"),
        ("MAPIQ_SYNC__", "x", "names no key", "two underscores"),
        ("MAPIQ_SYNC__API____TIMEOUT", "1s", "names no key", "two underscores"),
        ("MAPIQ_SYNC__API__CLIENT_SECRET", "hunter2", "unknown key", "set MAPIQ_CLIENT_SECRET"),
        ("MAPIQ_SYNC__ENDPOINT", "[]", "`endpoint` is a list", "__NAME__PATH"),
        ("MAPIQ_SYNC__ENDPOINT__USERS", "{}", "names a whole endpoint", "ENDPOINT__USERS__PATH"),
        ("MAPIQ_SYNC__ENDPOINT__USER__PATH", "/x", "there is no endpoint `user`", "USERS__PATH?"),
        ("MAPIQ_SYNC__ENDPOINT__ROOMS__PATH", "/x", "there is no endpoint `rooms`", "add a [[e"),
        ("MAPIQ_SYNC__ENDPOINT__USERS__PTH", "/x", "`endpoint.users.pth`", "mean `path`?"),
        ("MAPIQ_SYNC__ENDPOINT__USERS__PATH__X", "1", "within `path`, which is a string", ""),
        ("MAPIQ_SYNC__JOB__DAILY__SCHEDULE", "x", "there is no job `daily`", "add a [[job]]"),
        ("MAPIQ_SYNC__JOB__DIRECTORY__SCHEDULE", "0 5 * * *", "five fields", "\"0 0 5 * * *\""),
        ("MAPIQ_SYNC__JOB__DIRECTORY__ENDPOINTS", "users", "must be a list", "such as"),
    ] {
        let shown = shown(LEAST, &[(variable, value)]);
        assert!(shown.starts_with("the configuration has an error\n"), "{shown}");
        assert!(shown.contains(&format!("\n{variable}: ")), "{shown}");
        assert!(shown.contains(message) && shown.contains(help), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn a_variable_that_may_mean_two_jobs_is_refused_and_without_one_they_may_stay() {
    let job = |name| {
        format!("[[job]]\nname = '{name}'\nschedule = '0 0 5 * * *'\nendpoints = ['users']\n")
    };
    let config = format!("{LEAST}{}{}", job("night-run"), job("night_run"));
    let variable = "MAPIQ_SYNC__JOB__NIGHT_RUN__TIMEZONE";
    let shown = shown(&config, &[(variable, "UTC")]);
    let message = format!("{variable}: may mean more than one job");
    assert!(shown.contains(&message) && shown.contains("rename all but one"), "{shown}");
    assert!(load(&config, &[]).is_ok());
}

#[test]
fn two_variables_for_one_key_are_refused() {
    let shown = shown(LEAST, &[("MAPIQ_SYNC__API__SCOPE", "a"), ("MAPIQ_SYNC__API__scope", "b")]);
    let message = "MAPIQ_SYNC__API__scope: sets the same key as MAPIQ_SYNC__API__SCOPE";
    assert!(shown.contains(message), "{shown}");
}

#[test]
fn the_monitor_listens_on_loopback_only() {
    for (address, message, help) in [
        ("0.0.0.0:9464", "must be an address that only this machine reaches", "reverse proxy"),
        ("192.0.2.1:9464", "must be an address that only this machine reaches", "reverse proxy"),
        ("[::]:9464", "must be an address that only this machine reaches", "reverse proxy"),
        ("localhost:9464", "must be an IP address and a port", "write \"127.0.0.1:9464\""),
        ("9464", "must be an IP address and a port", "such as \"127.0.0.1:9464\""),
        ("127.0.0.1", "must be an IP address and a port", "such as \"127.0.0.1:9464\""),
        ("", "is empty", "leave the key out"),
    ] {
        let text = format!("[monitor]\nlisten = \"{address}\"\n{LEAST}");
        let shown = shown(&text, &[]);
        assert!(shown.contains(&format!("`monitor.listen` {message}")), "{shown}");
        assert!(shown.contains(help), "{shown}");
    }
    for address in ["127.0.0.1:0", "[::1]:9464"] {
        let text = format!("[monitor]\nlisten = \"{address}\"\n{LEAST}");
        let config = load(&text, &[]).expect("loopback is accepted");
        assert_eq!(config.monitor.listen.map(|listen| listen.to_string()), Some(address.into()));
    }
    assert_eq!(load(LEAST, &[]).expect("the least is valid").monitor.listen, None);
}
