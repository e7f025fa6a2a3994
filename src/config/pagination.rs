//! `endpoint.pagination`.

use super::{
    reader::{Problem, Section},
    tree::Origin,
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

impl Name {
    fn text(self) -> &'static str {
        NAMES.iter().find(|(_, name)| *name == self).map_or("", |(text, _)| text)
    }
}

/// Reads the table; `None` never stands alone: what is wrong has been noted.
pub(super) fn read(mut pagination: Section<'_>) -> Option<Style> {
    let style_origin = pagination.origin_of("style");
    let name = pagination.required("style", r#""page""#, |node| values::word(node, &NAMES));
    if let Some(name) = name {
        refuse_foreign(&mut pagination, name);
    }
    let style = match name {
        None => return None,
        Some(Name::None) => Some(Style::None),
        Some(Name::Page) => read_page(&mut pagination),
        Some(Name::Cursor) => read_cursor(&mut pagination),
        Some(name @ (Name::Offset | Name::NextUrl | Name::Link)) => {
            refuse_style(&mut pagination, name, style_origin.as_ref());
            None
        }
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

/// The parameters of a style that is not carried out yet are known, but not looked at.
fn refuse_style(pagination: &mut Section<'_>, name: Name, origin: Option<&Origin>) {
    for (parameter, names) in PARAMETERS {
        if names.contains(&name) {
            pagination.optional(parameter, |_| Ok(()));
        }
    }
    if let Some(origin) = origin {
        let message = format!("`{}` is not supported yet", name.text());
        let help = "this version carries out `none`, `page` and `cursor`";
        pagination.report(origin, "style", Problem::new(message, help));
    }
}

fn read_page(pagination: &mut Section<'_>) -> Option<Style> {
    const MOST: i128 = i64::MAX as i128;
    let size_origin = pagination.origin_of("size_param");
    let page_param = pagination.optional("page_param", values::filled_text);
    let size_param = pagination.optional("size_param", values::filled_text);
    let size_is_set = pagination.origin_of("size").is_some();
    let size: Option<u64> = pagination.optional("size", |node| values::whole(node, 1, MOST));
    let first = pagination.optional("first", |node| values::whole(node, 0, MOST));
    if let (Some(origin), false) = (size_origin, size_is_set) {
        let problem =
            Problem::new("says nothing without `size`", "add size = 200, or leave both out");
        pagination.report(&origin, "size_param", problem);
    }
    let page_param = page_param.unwrap_or_else(|| "page".into());
    let size_param = size_param.unwrap_or_else(|| "pageSize".into());
    if size.is_some() && size_param == page_param {
        let origin = pagination.origin()?.clone();
        let problem =
            Problem::new("is the parameter of the page's number too", "name two parameters");
        pagination.report(&origin, "size_param", problem);
    }
    let size = size.map(|size| (size_param, size));
    Some(Style::Page { page_param, size, first: first.unwrap_or(1) })
}

fn read_cursor(pagination: &mut Section<'_>) -> Option<Style> {
    let param = pagination.required("param", r#""cursor""#, values::filled_text);
    let next = pagination.required("next", r#""nextCursor""#, values::field);
    Some(Style::Cursor { param: param?, next: next? })
}
