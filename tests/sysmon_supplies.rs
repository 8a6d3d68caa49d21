//! Which event supplies which of the fields that published rules read. Expected values: a survey of 313 rules against Elastic's mapping, not this table.

use evql::eql::{Foreknown, Outline, Scalar, Schema};
use evql::sysmon::{EventOutline, Options, SysmonSchema, event_ids, fields_table, supplies};

const SURVEY: &[(&str, &str)] = &[
    ("host.os.type", "all"),
    ("event.type", "1-29"),
    ("process.name", "1-3, 5, 7-15, 17-18, 20, 22-29"),
    ("process.args", "1"),
    ("process.executable", "1-3, 5, 7-15, 17-18, 20, 22-29"),
    ("process.parent.name", "1"),
    ("process.pe.original_file_name", "1"),
    ("process.command_line", "1"),
    ("registry.value", "12-14"),
    ("registry.data.strings", "13"),
    ("registry.path", "12-14"),
    ("file.path", "2, 6-7, 9, 11, 15, 23, 26-29"),
    ("event.action", "all"),
    ("process.parent.executable", "1"),
    ("process.entity_id", "1-3, 5, 7-15, 17-18, 22-29"),
    ("file.name", "2, 6-7, 9, 11, 15, 17-18, 23, 26-29"),
    ("process.parent.args", "1"),
    ("host.id", "all"),
    ("user.id", "all"),
    ("file.extension", "2, 6-7, 9, 11, 15, 23, 26-29"),
    ("event.category", "1-23, 25-29, 255"),
    ("destination.ip", "3"),
    ("event.code", "all"),
    ("network.direction", "3"),
    ("process.parent.command_line", "1"),
    ("data_stream.dataset", "all"),
    ("dll.name", "7"),
    ("destination.port", "3"),
    ("dns.question.name", "22"),
    ("process.code_signature.subject_name", "never"),
    ("source.ip", "3"),
    ("winlog.event_data.IntegrityLevel", "1"),
    ("winlog.event_data.CallTrace", "10"),
    ("process.args_count", "1"),
    ("process.parent.entity_id", "1"),
    ("process.Ext.token.integrity_level_name", "never"),
    ("source.port", "3"),
    ("process.code_signature.trusted", "never"),
    ("user.domain", "1-3, 5, 7, 9, 11-15, 17-29"),
    ("process.code_signature.exists", "never"),
    ("process.working_directory", "1"),
    ("network.protocol", "3, 22"),
    ("winlog.event_data.TargetImage", "8, 10"),
    ("event.provider", "all"),
    ("process.pid", "1-3, 5, 7-15, 17-18, 22-29"),
    ("network.transport", "3"),
    ("dll.path", "7"),
    ("dll.code_signature.trusted", "7"),
    ("winlog.event_data.GrantedAccess", "10"),
    ("user.name", "1-3, 5, 7, 9, 11-15, 17-29"),
    ("file.code_signature.status", "6-7"),
    ("destination.domain", "3"),
    ("network.type", "3"),
    ("file.pe.imphash", "6-7, 15, 26, 29"),
    ("file.pe.original_file_name", "7"),
    // The pipeline would take hashes from event 25 as well, but no manifest gives it any.
    ("process.hash.sha256", "1, 23-24"),
    ("host.name", "all"),
    ("process.Ext.device.product_id", "never"),
    ("winlog.event_data.TargetProcessGUID", "8, 10"),
    ("process.parent.pid", "1"),
    ("winlog.event_data.SubjectUserName", "never"),
    ("file.size", "never"),
    ("process.Ext.api.parameters.consumer_type", "never"),
    ("process.Ext.api.name", "never"),
    ("winlog.event_data.Consumer", "21"),
    ("winlog.event_data.Operation", "19-21"),
    ("dll.code_signature.subject_name", "7"),
    ("file.hash.sha256", "6-7, 15, 26, 29"),
    ("dll.code_signature.status", "7"),
    ("dll.code_signature.exists", "never"),
    ("registry.key", "12-14"),
];

#[test]
fn every_field_of_the_survey_is_supplied_by_exactly_its_events() {
    let rows = fields_table(None);
    for (path, expected) in SURVEY {
        let row = rows.iter().find(|row| row.path == *path).unwrap_or_else(|| panic!("{path} is unknown"));
        assert_eq!(row.events_text(), *expected, "{path}");
        let (id, _) = SysmonSchema.resolve(path).expect("a known field");
        let ids: Vec<u32> = event_ids().filter(|event| supplies(*event, id)).collect();
        assert_eq!(ids, row.events, "{path}");
    }
}

#[test]
fn outlines_foretell_what_the_id_decides() {
    let plain = Options::default();
    let told = |event, path, options: &Options| {
        let (id, _) = SysmonSchema.resolve(path).expect("a known field");
        EventOutline::new(event, options).foreknown(id)
    };
    let always = |texts: &[&'static str]| {
        Foreknown::Always(texts.iter().map(|text| Scalar::Str((*text).into())).collect())
    };
    assert_eq!(told(7, "event.category", &plain), always(&["process", "library"]));
    assert_eq!(told(7, "event.type", &plain), always(&["change", "start"]));
    assert_eq!(told(7, "event.action", &plain), always(&["Image loaded", "load"]));
    assert_eq!(told(1, "event.code", &plain), always(&["1"]));
    assert_eq!(told(255, "event.outcome", &plain), always(&["failure"]));
    assert_eq!(told(22, "network.protocol", &plain), always(&["dns"]));
    assert_eq!(told(24, "event.category", &plain), Foreknown::Never);
    assert_eq!(told(255, "event.type", &plain), Foreknown::Never);
    assert_eq!(told(3, "network.protocol", &plain), Foreknown::Unknown);
    assert_eq!(told(1, "destination.ip", &plain), Foreknown::Never);
    assert_eq!(told(1, "process.name", &plain), Foreknown::Unknown);
    assert_eq!(told(1, "host.os.type", &plain), always(&["windows"]));
    assert_eq!(told(1, "winlog.event_data.Image", &plain), Foreknown::Never);

    let quiet = Options { no_library_start: true, ..plain };
    assert_eq!(told(7, "event.type", &quiet), always(&["change"]));
    assert_eq!(told(1, "event.type", &quiet), always(&["start"]));
    let compat = Options { event_action_compat: true, ..plain };
    let actions = ["Process creation", "Process Create (rule: ProcessCreate)", "start"];
    assert_eq!(told(1, "event.action", &compat), always(&actions));
    assert_eq!(quiet.names(), ["--no-library-start"]);
}
