use std::collections::BTreeSet;

use super::*;

fn definition(style: Style) -> Value {
    of(&Settings { style, ..Settings::default() })
}

/// Every `$ref` below a value.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            for member in members.values() {
                references(member, found);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                references(element, found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_everything_is_referred_to() {
    let definition = whole();
    let mut found = BTreeSet::new();
    references(&definition, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').expect("it stays in the file");
        assert!(definition.pointer(pointer).is_some(), "{reference}");
    }
    for kind in ["schemas", "parameters", "responses"] {
        let components = definition["components"][kind].as_object().expect("components");
        // There is no answer to a path that the definition has not.
        for name in components.keys().filter(|name| *name != "NotFound") {
            let reference = format!("#/components/{kind}/{name}");
            assert!(found.contains(&reference), "{reference}");
        }
    }
}

#[test]
fn every_listing_is_defined_and_no_object_may_have_what_is_not() {
    let definition = whole();
    for endpoint in Endpoint::ALL {
        let operation = &definition["paths"][endpoint.path()]["get"];
        assert!(operation["operationId"].is_string(), "{}", endpoint.path());
        let parameters = operation["parameters"].to_string();
        assert_eq!(parameters.contains("startDate"), endpoint.has_window());
    }
    for (name, schema) in definition["components"]["schemas"].as_object().expect("schemas") {
        if schema["type"] == "object" {
            assert_eq!(schema["additionalProperties"], false, "{name}");
        }
    }
}

#[test]
fn a_server_of_one_style_defines_no_other() {
    for (style, schema, parameters) in [
        (Style::Page, "UserPage", "page pageSize updatedAfter"),
        (Style::Offset, "UserOffsetPage", "offset limit updatedAfter"),
        (Style::Cursor, "UserCursorPage", "pageSize cursor updatedAfter"),
        (Style::NextUrl, "UserNextUrlPage", "pageSize cursor updatedAfter"),
        (Style::Link, "UserList", "pageSize cursor updatedAfter"),
        (Style::None, "UserList", "updatedAfter"),
    ] {
        let definition = definition(style);
        let operation = &definition["paths"]["/v2/users"]["get"];
        let content = &operation["responses"]["200"]["content"]["application/json"];
        assert_eq!(content["schema"]["$ref"], format!("#/components/schemas/{schema}"));
        let names: Vec<_> = operation["parameters"]
            .as_array()
            .expect("parameters")
            .iter()
            .filter_map(|parameter| parameter["$ref"].as_str()?.rsplit('/').next())
            .collect();
        assert_eq!(names.join(" "), parameters);
    }
    assert_eq!(definition(Style::Any), whole());
}
