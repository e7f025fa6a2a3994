//! Random records: few names and few values, chosen to collide, to overflow and to change their types.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    strategy::Union,
};

use super::{json::Json, model::Settings};

/// Names that collide with each other, with bookkeeping columns, with row ids and with SQL.
const NAMES: [&str; 28] = [
    "userId",
    "user_id",
    "UserID",
    "USER-ID",
    "user_id__2",
    "_hash",
    "_HASH",
    "_run_id",
    "_firstSeenAt",
    "_deleted_at",
    "rowid",
    "oid",
    "_rowid_",
    "select",
    "Group By",
    "a.b",
    "a",
    "b",
    "a\"b",
    "a[0]",
    "[]",
    "",
    "é",
    "İ",
    "名前",
    "\0",
    "bag",
    "secret",
];

/// Numbers at the borders of what the types hold.
const NUMBERS: [&str; 30] = [
    "0",
    "-0",
    "-0.0",
    "1",
    "-1",
    "1.0",
    "1.00",
    "1e3",
    "1000",
    "0.1",
    "0.5",
    "2.50",
    "1e-7",
    "1e22",
    "1E+2",
    "1e300",
    "5e-324",
    "9007199254740992",
    "9007199254740993",
    "-9007199254740993",
    "9007199254740992.0",
    "1152921504606846976",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "10000000000000000000000",
    "3.14159265358979323846",
    "0.1000000000000000055511151231257827",
    "1e400",
    "-1e-400",
];

/// Texts that SQL, or a careless reader of JSON, would take for something else.
const TEXTS: [&str; 17] = [
    "",
    "007",
    "1",
    "1.0",
    "-0",
    "9223372036854775808",
    "true",
    "false",
    "null",
    "NaN",
    "it's \"quoted\"",
    "a\0b",
    "\0",
    "名前 🦀",
    "1e3",
    " 5 ",
    "0x10",
];

/// What the values of a page are like.
#[derive(Clone, Copy, Debug)]
enum Palette {
    Integers,
    Numbers,
    Booleans,
    Texts,
    Everything,
}

/// A run: whether the database is opened anew for it, and its pages.
pub(super) type Run = (bool, Vec<Vec<Json>>);

/// An endpoint and some runs of it.
pub(super) fn endpoint() -> impl Strategy<Value = (Settings, Vec<Run>)> {
    let key = select(vec![
        vec!["id"],
        vec!["ref.no"],
        vec!["@odata.id", "Order"],
        vec!["ref.no", "id", "Order"],
    ]);
    key.prop_flat_map(|key| {
        let settings = Settings { key: key.clone(), exclude: "secret", json: "bag" };
        let pages = vec(page(key), 1..4);
        (Just(settings), vec((any::<bool>(), pages), 1..4))
    })
}

fn page(key: Vec<&'static str>) -> impl Strategy<Value = Vec<Json>> {
    use Palette::{Booleans, Everything, Integers, Numbers, Texts};
    let palettes = select(vec![Integers, Integers, Numbers, Numbers, Booleans, Texts, Everything]);
    (palettes.clone(), palettes)
        .prop_flat_map(move |(keys, values)| vec(record(key.clone(), keys, values), 0..8))
}

fn record(key: Vec<&'static str>, keys: Palette, values: Palette) -> impl Strategy<Value = Json> {
    let parts = vec((key_part(keys), any::<bool>()), key.len());
    let fields = vec((name(), value(values)), 0..6);
    (parts, fields, any::<Index>()).prop_map(move |(parts, fields, place)| {
        let mut members = Vec::new();
        for (name, value) in fields {
            push(&mut members, name, value);
        }
        for (path, (value, is_nested)) in key.iter().zip(parts) {
            let member = match path.split_once('.') {
                Some((above, below)) if is_nested => {
                    (above.to_owned(), Json::Object(vec![(below.to_owned(), value)]))
                }
                _ => ((*path).to_owned(), value),
            };
            members.insert(place.index(members.len() + 1), member);
        }
        Json::Object(members)
    })
}

/// A key's part: of a few values, so that keys come again; now and then one that cannot be stored.
fn key_part(palette: Palette) -> BoxedStrategy<Json> {
    let numbers = ["1", "1.0", "-0", "0", "1000", "1e3", "9223372036854775807", "-5"];
    let few = select(numbers.to_vec()).prop_map(|token| Json::Number(token.to_owned()));
    let sound = match palette {
        Palette::Integers => few.boxed(),
        _ => prop_oneof![few, scalar(palette)].boxed(),
    };
    prop_oneof![30 => sound, 1 => Just(Json::Null), 1 => Just(Json::Array(Vec::new()))].boxed()
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => select(NAMES.to_vec()).prop_map(str::to_owned),
        1 => Just("long".repeat(500)),
        1 => any::<String>(),
    ]
    // The key's own names are not among them.
    .prop_filter("a name of the key", |name| {
        !["id", "ref", "ref.no", "@odata", "@odata.id", "Order"].contains(&&**name)
    })
}

fn value(palette: Palette) -> BoxedStrategy<Json> {
    let leaf = prop_oneof![8 => scalar(palette), 1 => Just(Json::Null)];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let members = vec((name(), inner.clone()), 0..4).prop_map(|all| {
            let mut members = Vec::new();
            for (name, value) in all {
                push(&mut members, name, value);
            }
            Json::Object(members)
        });
        prop_oneof![2 => members, 1 => vec(inner, 0..4).prop_map(Json::Array)]
    })
    .boxed()
}

fn scalar(palette: Palette) -> BoxedStrategy<Json> {
    let number = |token: String| Json::Number(token);
    let integers = prop_oneof![any::<i64>(), -3_i64..4, (0_u32..63).prop_map(|shift| 1 << shift)]
        .prop_map(move |whole| number(whole.to_string()));
    let numbers = prop_oneof![
        4 => select(NUMBERS.to_vec()).prop_map(move |token| number(token.to_owned())),
        1 => any::<f64>().prop_filter("finite", |real| real.is_finite()).prop_map(move |real| number(format!("{real:?}"))),
        1 => "-?[1-9][0-9]{0,22}(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?".prop_map(number),
    ];
    let booleans = any::<bool>().prop_map(Json::Boolean);
    let texts = prop_oneof![
        4 => select(TEXTS.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
    .prop_map(Json::Text);
    match palette {
        Palette::Integers => integers.boxed(),
        Palette::Numbers => prop_oneof![integers, numbers].boxed(),
        Palette::Booleans => booleans.boxed(),
        Palette::Texts => texts.boxed(),
        Palette::Everything => {
            Union::new([integers.boxed(), numbers.boxed(), booleans.boxed(), texts.boxed()]).boxed()
        }
    }
}

/// Adds a member whose key is not there yet.
fn push(members: &mut Vec<(String, Json)>, name: String, value: Json) {
    if members.iter().all(|(other, _)| *other != name) {
        members.push((name, value));
    }
}
