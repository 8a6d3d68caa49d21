//! Documents as Elasticsearch would see them. The expectations are those of its dynamic mapping and its array and object handling.

use super::*;

struct Ecs;

impl Schema for Ecs {
    fn resolve(&self, path: &str) -> Option<(FieldId, Type)> {
        match path {
            "process.pid" => Some((FieldId(3), Type::Long)),
            "user.id" => Some((FieldId(4), Type::Keyword)),
            _ => None,
        }
    }

    fn nearest(&self, path: &str) -> Option<String> {
        (path == "user.idd").then(|| "user.id".to_owned())
    }

    fn category_field(&self) -> FieldId {
        FieldId(0)
    }
}

fn read(lines: &str) -> Documents {
    read_with(lines, &Options::default())
}

fn read_with(lines: &str, options: &Options) -> Documents {
    Documents::read(lines.as_bytes(), options).expect("reading from memory")
}

/// The values of `field` in the first document, and the field's type.
#[track_caller]
fn value(documents: &Documents, field: &str) -> (Vec<Scalar<'static>>, Type) {
    let (id, kind) = documents.schema(&Ecs).resolve(field).unwrap_or_else(|| panic!("{field} is not mapped"));
    let value = documents.documents()[0].field(id);
    let owned = |scalar: &Scalar<'_>| match scalar {
        Scalar::Str(text) => Scalar::Str(text.to_string().into()),
        Scalar::Int(value) => Scalar::Int(*value),
        Scalar::Float(value) => Scalar::Float(*value),
        Scalar::Bool(value) => Scalar::Bool(*value),
        Scalar::Ip(value) => Scalar::Ip(*value),
        Scalar::Date(value) => Scalar::Date(*value),
    };
    (value.as_slice().iter().map(owned).collect(), kind)
}

fn text(text: &'static str) -> Scalar<'static> {
    Scalar::Str(text.into())
}

#[test]
fn nested_and_dotted_names_are_the_same() {
    let documents = read(r#"{"a":{"b":{"c":1}},"a.b":{"d":"x"},"a.b.e":true,"a":{"b":{"c":1}}}"#);
    assert_eq!(value(&documents, "a.b.c"), (vec![Scalar::Int(1)], Type::Long));
    assert_eq!(value(&documents, "a.b.d"), (vec![text("x")], Type::Keyword));
    assert_eq!(value(&documents, "a.b.e"), (vec![Scalar::Bool(true)], Type::Boolean));
    assert_eq!(documents.schema(&Ecs).resolve("a.b"), None);
}

#[test]
fn arrays_are_many_values_and_arrays_of_objects_flatten() {
    let documents = read(r#"{"a":["x",null,["y"]],"o":[{"k":1},{"k":2,"l":"z"}],"e":[],"n":null,"o.k":3}"#);
    assert_eq!(value(&documents, "a").0, [text("x"), text("y")]);
    assert_eq!(value(&documents, "o.k").0, [Scalar::Int(1), Scalar::Int(2), Scalar::Int(3)]);
    assert_eq!(value(&documents, "o.l").0, [text("z")]);
    assert_eq!(value(&documents, "e"), (vec![], Type::Keyword));
    assert_eq!(value(&documents, "n"), (vec![], Type::Keyword));
}

#[test]
fn types_follow_all_values_of_a_field() {
    let documents = read(concat!(
        r#"{"mixed":1,"number":1,"big":9223372036854775808,"code":1,"flag":true,"source.ip":"::ffff:10.0.0.1","ip":"10.0.0.2"}"#,
        "\n",
        r#"{"mixed":"x","number":1.5,"code":"x","flag":1,"process":{"pid":null}}"#,
    ));
    assert_eq!(value(&documents, "mixed"), (vec![text("1")], Type::Keyword));
    assert_eq!(value(&documents, "number"), (vec![Scalar::Float(1.0)], Type::Double));
    assert_eq!(value(&documents, "big"), (vec![Scalar::Float(9_223_372_036_854_775_808.0)], Type::Double));
    assert_eq!(value(&documents, "flag"), (vec![text("true")], Type::Keyword));
    let address = |text: &str| Scalar::Ip(text.parse().expect("an address"));
    assert_eq!(value(&documents, "source.ip"), (vec![address("10.0.0.1")], Type::Ip));
    assert_eq!(value(&documents, "ip"), (vec![address("10.0.0.2")], Type::Ip));
    assert_eq!(value(&documents, "process.pid"), (vec![], Type::Long), "only null: the fallback's type");
}

#[test]
fn options_declare_types_and_the_fallback_maps_the_rest() {
    let options = Options {
        ip_fields: vec!["peer".to_owned()],
        as_mapped: ["port:long", "absent:boolean", "plain"]
            .map(|text| parse_mapping(text).expect("a mapping"))
            .to_vec(),
        category_field: "kind".to_owned(),
        ..Options::default()
    };
    let documents = read_with(r#"{"peer":"1.2.3.4","port":"443","kind":"process"}"#, &options);
    assert_eq!(value(&documents, "peer").1, Type::Ip);
    assert_eq!(value(&documents, "port"), (vec![Scalar::Int(443)], Type::Long));
    assert_eq!(value(&documents, "absent"), (vec![], Type::Boolean));
    assert_eq!(value(&documents, "plain"), (vec![], Type::Keyword));
    assert_eq!(value(&documents, "user.id"), (vec![], Type::Keyword));
    let schema = documents.schema(&Ecs);
    assert_eq!(schema.resolve("nowhere"), None);
    assert_eq!(schema.nearest("pear").as_deref(), Some("peer"));
    assert_eq!(schema.nearest("user.idd").as_deref(), Some("user.id"));
    assert_eq!(Some(schema.category_field()), schema.resolve("kind").map(|(id, _)| id));
    let (pid, user) = (schema.resolve("process.pid"), schema.resolve("user.id"));
    assert_ne!(pid.map(|(id, _)| id), user.map(|(id, _)| id));
    assert_eq!(parse_mapping("a:b:ip"), Ok(("a:b".to_owned(), Type::Ip)));
    assert!(parse_mapping("a:number").is_err());
}

#[test]
fn timestamps_are_iso_or_milliseconds_and_order_documents() {
    let options = Options { tiebreaker_field: Some("n".to_owned()), ..Options::default() };
    let documents = read_with(
        concat!(
            r#"{"id":"none"}"#,
            "\n",
            r#"{"id":"late","@timestamp":"1970-01-01T00:00:02.0009Z"}"#,
            "\n",
            r#"{"id":"tied last","@timestamp":"1000"}"#,
            "\n",
            r#"{"id":"tied 10","@timestamp":1000,"n":10}"#,
            "\n",
            r#"{"id":"tied 9","@timestamp":"1970-01-01T01:00:01+01:00","n":9}"#,
            "\n",
            r#"{"id":"bad","@timestamp":"soon"}"#,
            "\n",
        ),
        &options,
    );
    let mut sorted: Vec<_> = documents.documents().iter().collect();
    sorted.sort_by_key(|document| document.order().clone());
    let order: Vec<_> =
        sorted.iter().map(|document| document.text().split('"').nth(3).expect("an id")).collect();
    assert_eq!(order, ["tied 9", "tied 10", "tied last", "late", "none", "bad"]);
    assert_eq!(sorted[3].order().timestamp, Some(Timestamp::from_unix_millis(2000)));
    let [problem] = documents.problems() else { panic!("{:?}", documents.problems()) };
    assert_eq!((problem.line, problem.lost_document), (6, false));
    assert!(problem.reason.contains("`@timestamp` holds \"soon\""), "{}", problem.reason);
}

#[test]
fn a_bad_line_does_not_stop_the_others() {
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let input = format!("\u{feff}{{\"a\": 1}}\r\n\n{{\"a\": }}\n[1]\n{{\"a\":{deep}}}\n {{\"a\":2}} ");
    let mut bytes = input.into_bytes();
    bytes.extend(b"\n\xff\xfe\n");
    let documents = Documents::read(bytes.as_slice(), &Options::default()).expect("reading from memory");
    let texts: Vec<_> = documents.documents().iter().map(Document::text).collect();
    assert_eq!(texts, ["{\"a\": 1}", " {\"a\":2} "], "verbatim, without line breaks");
    let lines: Vec<_> = documents.problems().iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [3, 4, 5, 7]);
    assert_eq!(documents.problems()[0].reason, "not JSON at column 7: expected value");
}

#[test]
fn several_inputs_are_one_collection() {
    let options = Options::default();
    let mut reading = Reading::new(&options);
    reading.add("one", "{\"a\":1}\n{".as_bytes()).expect("reading from memory");
    reading.add("two", "{\"a\":\"x\"}".as_bytes()).expect("reading from memory");
    let documents = reading.finish();
    assert_eq!(value(&documents, "a"), (vec![text("1")], Type::Keyword));
    assert_eq!(documents.documents()[1].order().index, 1);
    assert_eq!((documents.problems()[0].source.as_str(), documents.problems()[0].line), ("one", 2));
}
