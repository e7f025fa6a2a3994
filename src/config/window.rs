//! `endpoint.window`.

use std::time::Duration;

use chrono::TimeDelta;

use super::{
    reader::{Problem, Section},
    tree::{Node, Origin},
    values,
};
use crate::{
    api::pagination::{Request, Style},
    rows::{FieldPath, Transforms},
    sync::{DateFormat, Width, WindowEnd, WindowSettings},
};

const ENDS: [(&str, WindowEnd); 2] =
    [("inclusive", WindowEnd::Inclusive), ("exclusive", WindowEnd::Exclusive)];

/// How far a window may reach: ten years.
const FARTHEST: Duration = Duration::from_hours(3660 * 24);

/// The parameters that Mapiq documents of v1, and that its own app has been seen to use with v2.
const PARAMS: (&str, &str) = ("startDate", "endDate");

/// Reads the table; `None` never stands alone: what is wrong has been noted.
pub(super) fn read(
    mut window: Section<'_>,
    style: Option<&Style>,
    transforms: Option<&Transforms>,
) -> Option<WindowSettings> {
    let origin = window.origin()?.clone();
    let (from_param, to_param) = read_params(&mut window, style, &origin);
    let field = read_field(&mut window, transforms);
    let default = || DateFormat::new("%Y-%m-%d").expect("the default tells a full date");
    let has_format = window.origin_of("format").is_some();
    let (format, unit) = match window.optional("format", format) {
        // A length that is wrong with the default is perhaps right with what was meant.
        None if has_format => (default(), TimeDelta::hours(1)),
        format => {
            let format = format.unwrap_or_else(default);
            let unit = format.unit();
            (format, unit)
        }
    };
    let reaches = [window.origin_of("back"), window.origin_of("ahead")];
    let back = window.optional("back", |node| length(node, unit));
    let ahead = window.optional("ahead", |node| length(node, unit));
    if reaches.iter().all(Option::is_none) {
        let help = "such as back = \"30d\", ahead = \"60d\"; \"0d\" is today alone";
        let message = "is missing, and `ahead` too: how far from today is to be asked for?";
        window.report(&origin, "back", Problem::new(message, help));
    }
    let narrowest = unit.max(TimeDelta::hours(1));
    let slice = window.optional("slice", |node| {
        let slice = length(node, unit)?;
        if slice < narrowest {
            let message = format!("must be {} at least", Width(narrowest));
            return Err(Problem::new(message, "leave it out to ask for the whole window at once"));
        }
        Ok(slice)
    });
    let end = window.optional("end", |node| values::word(node, &ENDS));
    window.finish();
    Some(WindowSettings {
        from_param,
        to_param,
        field,
        back: back.unwrap_or_default(),
        ahead: ahead.unwrap_or_default(),
        slice,
        format,
        end: end.unwrap_or(WindowEnd::Inclusive),
    })
}

/// The two parameters, which are nobody else's.
fn read_params(
    window: &mut Section<'_>,
    style: Option<&Style>,
    origin: &Origin,
) -> (String, String) {
    let mut read = |key, default: &str| {
        let origin = window.origin_of(key).unwrap_or_else(|| origin.clone());
        let param = window.optional(key, values::filled_text).unwrap_or_else(|| default.to_owned());
        (param, origin)
    };
    let (from, from_origin) = read("from_param", PARAMS.0);
    let (to, to_origin) = read("to_param", PARAMS.1);
    if from == to {
        let message = format!("is `{to}`, as `from_param` is");
        window.report(&to_origin, "to_param", Problem::new(message, "name two parameters"));
    }
    let of_paging = style.map(paging_params).unwrap_or_default();
    for (key, param, origin) in [("from_param", &from, from_origin), ("to_param", &to, to_origin)] {
        if of_paging.contains(param) {
            let message = format!("is `{param}`, which is a parameter of the pagination too");
            window.report(&origin, key, Problem::new(message, "name two parameters"));
        }
    }
    (from, to)
}

/// The parameters that a style of paging asks with.
pub(super) fn paging_params(style: &Style) -> Vec<String> {
    let first = match style.request(&style.start()) {
        Request::Params(params) => params,
        Request::Url(_) => Vec::new(),
    };
    let mut names: Vec<String> = first.into_iter().map(|(name, _)| name).collect();
    if let Style::Cursor { param, .. } = style {
        names.push(param.clone());
    }
    names
}

/// The field that deletions are judged by: it must be stored.
fn read_field(window: &mut Section<'_>, transforms: Option<&Transforms>) -> Option<FieldPath> {
    let origin = window.origin_of("field");
    let field = window.optional("field", values::field)?;
    let lists = transforms
        .map(|found| [("exclude", &found.exclude), ("hash", &found.hash), ("json", &found.json)]);
    for (list, paths) in lists.into_iter().flatten() {
        let found = paths.iter().find(|path| path.covers(&field));
        if let (Some(path), Some(origin)) = (found, &origin) {
            let message =
                format!("names `{field}`, which `{list}` does not store as sent, with `{path}`");
            let help = "take it out of one of the two";
            window.report(origin, "field", Problem::new(message, help));
        }
    }
    Some(field)
}

/// How moments are written.
pub(super) fn format(node: &Node) -> Result<DateFormat, Problem> {
    DateFormat::new(&values::text(node)?)
        .map_err(|error| Problem::new(error.to_string(), error.mend()))
}

/// A length of whole units of the format.
fn length(node: &Node, unit: TimeDelta) -> Result<TimeDelta, Problem> {
    let length = values::duration_up_to(node, FARTHEST, "3660d", "d")?;
    let length = TimeDelta::from_std(length).expect("ten years are not too long");
    if length.num_milliseconds() % unit.num_milliseconds().max(1) == 0 {
        return Ok(length);
    }
    let one = Width(unit).to_string();
    let unit = one.trim_start_matches("1 ");
    Err(Problem::new(
        format!("must be a whole number of {unit}s: `format` tells nothing shorter"),
        "a day is written \"1d\"; a format such as \"%Y-%m-%dT%H:%M:%S\" tells the time too",
    ))
}
