//! Names of columns.

/// The column of the fields for which a table has no room.
pub const EXTRA: &str = "_extra";

/// The bookkeeping columns of every data table, that of the fields without a column, and the alias by which row ids stay
/// within reach: no field gets one of these names.
pub const RESERVED: [&str; 7] =
    ["_first_seen_at", "_changed_at", "_deleted_at", "_run_id", "_hash", EXTRA, "_rowid_"];

/// The name of a column, before collisions are resolved: the path's keys in `snake_case`, joined by `_`.
pub(crate) fn column_name<'k>(keys: impl IntoIterator<Item = &'k str>) -> String {
    let mut name = String::new();
    for key in keys {
        let before = name.len();
        if before > 0 {
            name.push('_');
        }
        let start = name.len();
        append_snake_case(key, &mut name);
        if name.len() == start {
            name.truncate(before);
        }
    }
    if name.is_empty() { "field".into() } else { name }
}

/// Makes a name that is neither reserved nor taken: the name itself, else the name with `__2`, `__3` and so on.
pub fn unique_name(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let is_free = |name: &str| {
        !RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) && !taken(name)
    };
    if is_free(name) {
        return name.to_owned();
    }
    let mut number = 2_u64;
    loop {
        let candidate = format!("{name}__{number}");
        if is_free(&candidate) {
            return candidate;
        }
        number += 1;
    }
}

/// A key's own underscores stay; a word starts at a capital that follows a small letter or a digit, and at the last of
/// several capitals when a small letter follows it; all else that is no letter or digit separates.
fn append_snake_case(key: &str, name: &mut String) {
    let start = name.len();
    let mut chars = key.chars().peekable();
    let mut previous: Option<char> = None;
    let mut is_separated = false;
    while let Some(current) = chars.next() {
        if current == '_' {
            name.push('_');
            previous = None;
            is_separated = false;
        } else if current.is_alphanumeric() {
            let starts_word = current.is_uppercase()
                && previous.is_some_and(|previous| {
                    !previous.is_uppercase() || chars.peek().is_some_and(|next| next.is_lowercase())
                });
            if is_separated || starts_word {
                name.push('_');
            }
            name.extend(current.to_lowercase());
            previous = Some(current);
            is_separated = false;
        } else {
            previous = None;
            is_separated = name.len() > start && !name.ends_with('_');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_snake_case() {
        for (keys, name) in [
            (&["workspace", "nodeId"][..], "workspace_node_id"),
            (&["userID"], "user_id"),
            (&["HTTPCode"], "http_code"),
            (&["floor2Name"], "floor2_name"),
            (&["@odata.id"], "odata_id"),
            (&["_id"], "_id"),
            (&["__typename"], "__typename"),
            (&["a", "_id"], "a__id"),
            (&["e-mail  (work)"], "e_mail_work"),
            (&["a_-b-_c"], "a_b_c"),
            (&["GrößeÜber"], "größe_über"),
            (&["名前"], "名前"),
            (&["2ndFloor"], "2nd_floor"),
            (&["HTTP2Code"], "http2_code"),
            (&["a", "@"], "a"),
            (&["@", "a"], "a"),
            (&["@", ""], "field"),
        ] {
            assert_eq!(column_name(keys.iter().copied()), name, "{keys:?}");
        }
    }

    #[test]
    fn a_taken_or_reserved_name_gets_the_next_number() {
        assert_eq!(unique_name("id", |_| false), "id");
        assert_eq!(unique_name("id", |name| name == "id"), "id__2");
        assert_eq!(unique_name("id", |name| ["id", "id__2"].contains(&name)), "id__3");
        assert_eq!(unique_name("_hash", |_| false), "_hash__2");
        assert_eq!(unique_name("_ROWID_", |_| false), "_ROWID___2");
    }
}
