//! `endpoint.pagination`.

use super::{
    reader::{Problem, Section},
    values,
};
use crate::api::pagination::Style;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    None,
    Page,
    Offset,
    Cursor,
    NextUrl,
    Link,
}

/// The styles of the contract.
const NAMES: [(&str, Name); 6] = [
    ("none", Name::None),
    ("page", Name::Page),
    ("offset", Name::Offset),
    ("cursor", Name::Cursor),
    ("next-url", Name::NextUrl),
    ("link", Name::Link),
];

/// Every parameter, and the styles it belongs to.
const PARAMETERS: [(&str, &[Name]); 9] = [
    ("page_param", &[Name::Page]),
    ("size_param", &[Name::Page]),
    ("size", &[Name::Page]),
    ("first", &[Name::Page]),
    ("offset_param", &[Name::Offset]),
    ("limit_param", &[Name::Offset]),
    ("limit", &[Name::Offset]),
    ("param", &[Name::Cursor]),
    ("next", &[Name::Cursor, Name::NextUrl]),
];

/// The greatest number that TOML can hold.
const MOST: i128 = i64::MAX as i128;

impl Name {
    fn text(self) -> &'static str {
        NAMES.iter().find(|(_, name)| *name == self).map_or("", |(text, _)| text)
    }
}

/// Reads the table; `None` never stands alone: what is wrong has been noted.
pub(super) fn read(mut pagination: Section<'_>) -> Option<Style> {
    let name = pagination.required("style", r#""page""#, |node| values::word(node, &NAMES));
    if let Some(name) = name {
        refuse_foreign(&mut pagination, name);
    }
    let style = match name {
        None => return None,
        Some(Name::None) => Some(Style::None),
        Some(Name::Page) => read_page(&mut pagination),
        Some(Name::Cursor) => read_cursor(&mut pagination),
        Some(Name::Offset) => read_offset(&mut pagination),
        Some(Name::NextUrl) => read_next_url(&mut pagination),
        Some(Name::Link) => Some(Style::Link),
    };
    pagination.finish();
    style
}

/// A parameter of another style is not unknown: it says to which one it belongs.
fn refuse_foreign(pagination: &mut Section<'_>, chosen: Name) {
    for (parameter, names) in PARAMETERS {
        if names.contains(&chosen) {
            continue;
        }
        let names: Vec<_> = names.iter().map(|name| format!("`{}`", name.text())).collect();
        let help = match parameter {
            "size" | "limit" => "a fixed size can be given in the endpoint's `params`",
            _ => "leave it out, or choose that style",
        };
        let message = format!(
            "belongs to the style {}, and this endpoint's is `{}`",
            names.join(" or "),
            chosen.text()
        );
        pagination.refuse(parameter, Problem::new(message, help));
    }
}

/// What tells the pages of a listing apart, and how large they are to be.
struct Counted {
    param: String,
    size: Option<(String, u64)>,
}

/// Reads the keys of two parameters and a size, each with what it is called where it is left out.
fn read_counted(
    pagination: &mut Section<'_>,
    (param_key, param): (&'static str, &str),
    (size_param_key, size_param): (&'static str, &str),
    (size_key, what): (&'static str, &str),
) -> Option<Counted> {
    let size_origin = pagination.origin_of(size_param_key);
    let own_param = pagination.optional(param_key, values::filled_text);
    let own_size_param = pagination.optional(size_param_key, values::filled_text);
    let size_is_set = pagination.origin_of(size_key).is_some();
    let size: Option<u64> = pagination.optional(size_key, |node| values::whole(node, 1, MOST));
    if let (Some(origin), false) = (size_origin, size_is_set) {
        let problem = Problem::new(
            format!("says nothing without `{size_key}`"),
            format!("add {size_key} = 200, or leave both out"),
        );
        pagination.report(&origin, size_param_key, problem);
    }
    let param = own_param.unwrap_or_else(|| param.into());
    let size_param = own_size_param.unwrap_or_else(|| size_param.into());
    if size.is_some() && size_param == param {
        let origin = pagination.origin()?.clone();
        let problem =
            Problem::new(format!("is the parameter of {what} too"), "name two parameters");
        pagination.report(&origin, size_param_key, problem);
    }
    Some(Counted { param, size: size.map(|size| (size_param, size)) })
}

fn read_page(pagination: &mut Section<'_>) -> Option<Style> {
    let counted = read_counted(
        pagination,
        ("page_param", "page"),
        ("size_param", "pageSize"),
        ("size", "the page's number"),
    );
    let first = pagination.optional("first", |node| values::whole(node, 0, MOST));
    let Counted { param, size } = counted?;
    Some(Style::Page { page_param: param, size, first: first.unwrap_or(1) })
}

fn read_offset(pagination: &mut Section<'_>) -> Option<Style> {
    let Counted { param, size } = read_counted(
        pagination,
        ("offset_param", "offset"),
        ("limit_param", "limit"),
        ("limit", "the offset"),
    )?;
    Some(Style::Offset { offset_param: param, limit: size })
}

fn read_cursor(pagination: &mut Section<'_>) -> Option<Style> {
    let param = pagination.required("param", r#""cursor""#, values::filled_text);
    let next = pagination.required("next", r#""nextCursor""#, values::field);
    Some(Style::Cursor { param: param?, next: next? })
}

fn read_next_url(pagination: &mut Section<'_>) -> Option<Style> {
    let next = pagination.required("next", r#""nextLink""#, values::field);
    Some(Style::NextUrl { next: next? })
}
