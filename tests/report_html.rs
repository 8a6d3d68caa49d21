//! The HTML page: nothing of a log becomes markup, the policy fits the bytes, nothing is cut silently. A browser looks at the pages left in `target/tmp`.

mod report_support;

use evql::finding::Outcome;
use evql::report::html::{HtmlOptions, write_html};
use evql::report::{Format, Options, write_folder};
use report_support as support;

fn page(outcome: &Outcome, detail_limit: usize) -> String {
    let mut bytes = Vec::new();
    write_html(outcome, &support::hostile_run(), &HtmlOptions { detail_limit }, &mut bytes)
        .expect("a Vec takes every write");
    String::from_utf8(bytes).expect("UTF-8")
}

/// What stands between the only `open` and the next `close`.
fn between<'a>(text: &'a str, open: &str, close: &str) -> &'a str {
    let mut parts = text.split(open);
    let (_, rest) = (parts.next(), parts.next().expect("the opening is there"));
    assert!(parts.next().is_none(), "only one {open}");
    rest.split(close).next().expect("a first part")
}

/// Names of the elements that a page opens, in order.
fn elements(page: &str) -> Vec<String> {
    let name = |rest: &str| rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
    page.split('<').skip(1).map(name).filter(|name| !name.is_empty()).collect()
}

#[test]
fn the_policy_is_first_and_fits_the_very_bytes() {
    let page = page(&support::plain(), 100);
    assert!(page.contains("<head>\n<meta http-equiv=\"Content-Security-Policy\""));
    let policy = between(&page, "http-equiv=\"Content-Security-Policy\" content=\"", "\"");
    for (open, close, directive) in
        [("<style>", "</style>", "style-src"), ("<script>", "</script>", "script-src")]
    {
        let hash = sha256_base64(between(&page, open, close).as_bytes());
        assert!(policy.contains(&format!("{directive} 'sha256-{hash}'")), "{policy} lacks {hash}");
    }
    assert!(
        policy.starts_with("default-src 'none';") && policy.contains("base-uri 'none'; form-action 'none'")
    );
}

/// Bit by bit, a second way to the same text.
fn sha256_base64(bytes: &[u8]) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(bytes);
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let bits: String = digest.iter().map(|byte| format!("{byte:08b}")).chain(["00".to_owned()]).collect();
    let sextets = bits.as_bytes().chunks(6).map(|six| std::str::from_utf8(six).expect("digits"));
    sextets.map(|six| alphabet[usize::from_str_radix(six, 2).expect("binary")]).chain(['=']).collect()
}

#[test]
fn nothing_of_a_log_becomes_markup() {
    let page = page(&support::hostile(), 100);
    let known = [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "a",
        "div",
        "nav",
        "p",
        "span",
        "ol",
        "li",
        "main",
        "section",
        "header",
        "h1",
        "h2",
        "h3",
        "dl",
        "dt",
        "dd",
        "br",
        "small",
        "time",
        "bdi",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "ul",
        "figure",
        "figcaption",
        "svg",
        "desc",
        "line",
        "text",
        "rect",
        "defs",
        "pattern",
        "path",
        "circle",
        "g",
        "use",
        "details",
        "summary",
        "pre",
        "fieldset",
        "legend",
        "label",
        "input",
        "output",
        "colgroup",
        "col",
        "article",
        "code",
        "textarea",
        "select",
        "option",
        "button",
        "strong",
        "script",
    ];
    for element in elements(&page) {
        assert!(known.contains(&element.as_str()), "<{element}> is not the template's");
    }
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("<style").count(), 1);
    let markup_only = page.replace(between(&page, "<script>", "</script>"), "");
    for (at, _) in markup_only.match_indices('<') {
        let tag = markup_only[at..].split('>').next().expect("a first part");
        let names: String = tag.split('"').step_by(2).collect();
        assert!(!names.contains("style=") && !names.contains(" on"), "{tag}");
        assert!(!tag.contains("href=\"") || tag.contains("href=\"#"), "only links into the page: {tag}");
        assert!(!tag.contains(" src=\""), "{tag}");
    }
}

#[test]
fn invisible_characters_are_seen() {
    let page = page(&support::hostile(), 100);
    assert!(!page.chars().any(|character| character.is_control() && character != '\n'));
    assert!(!page.contains(['\u{202e}', '\u{200b}', '\u{feff}']));
    for token in ["⟦U+202E⟧", "⟦U+0000⟧", "⟦U+001B⟧", "⟦U+200B⟧", "⟦\\r⟧⟦\\n⟧"] {
        assert!(page.contains(token), "{token}");
    }
}

#[test]
fn a_megabyte_in_a_field_does_not_swell_the_page() {
    let page = page(&support::hostile(), 100);
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
    assert!(page.contains("bytes, see findings.jsonl]"));
}

#[test]
fn however_long_the_fields_are_the_page_stays_bounded() {
    // What swells most when it is escaped.
    let long = "\"\u{202e}".repeat(10_000);
    let mut outcome = support::large(60, 3);
    for finding in &mut outcome.findings {
        finding.host.clone_from(&long);
        finding.notes = vec![long.clone()];
        for event in finding.events.iter_mut().flatten() {
            event.computer.clone_from(&long);
            for number in 0..20 {
                event.document.insert(format!("field{number}"), long.as_str().into());
            }
            event.document["process"]["command_line"] = long.as_str().into();
            event.document["process"]["name"] = long.as_str().into();
        }
    }
    let page = page(&outcome, 60);
    assert!(page.len() < 60 << 20, "{} bytes", page.len());
    let full = page.matches("<article ").count();
    assert!((1..60).contains(&full), "{full} in full");
    assert!(page.contains(&format!("{} of 60 findings are not shown in full here", 60 - full)));
    assert_eq!(page.matches("<tr data-severity=").count(), 60, "every finding is listed all the same");
}

#[test]
fn a_finding_goes_by_the_numbers_of_its_host_and_rule() {
    let page = page(&support::plain(), 100);
    for (mark, name, count) in [(0, "WS01", 3), (1, "WS02", 1), (2, "WS03", 2)] {
        assert!(page.contains(&format!("<option value=\"{mark}\">{name} ({count})</option>")), "{name}");
        assert_eq!(
            page.matches(&format!("<tr data-severity=\"high\" data-host=\"{mark}\"")).count(),
            usize::from(mark != 1)
        );
    }
    assert!(page.contains("data-hosts=\"0 1 2\" data-rules=\"0\""), "a section says what it holds");
    assert!(!page.contains("id=\"only-rule\""), "one rule is no choice");
}

#[test]
fn every_finding_is_there_with_its_facts() {
    let outcome = support::plain();
    let page = page(&outcome, 100);
    for finding in &outcome.findings {
        assert_eq!(page.matches(&format!("<article id=\"{}\"", finding.id)).count(), 1);
    }
    for fact in [
        "<h1 id=\"h-summary\">6 findings (1 critical, 2 high) on 3 of 4 hosts</h1>",
        "Event 3 (network connection) is absent on DC01",
        "Event 22 (DNS query) is absent on WS02",
        "2 inputs could not be read, or not to the end",
        "cdn[.]evil-updates[.]example",
        "C:\\Windows\\System32\\mshta.exe http://update.example/a1.hta --quiet",
        "The rule asks that no such event lies here",
        "2 copies, also in case/WS02/Archive-Sysmon-2024-03-01.evtx",
        "the record&#39;s template ends early",
    ] {
        assert!(page.contains(fact), "{fact}");
    }
}

/// The lines of the textarea with that id.
fn lines<'a>(page: &'a str, id: &str) -> Vec<&'a str> {
    let area = between(page, &format!("id=\"{id}\">"), "</textarea>");
    area.lines().filter(|line| !line.is_empty()).collect()
}

#[test]
fn iocs_are_what_processes_reached_and_were_and_no_blocked_windows() {
    use evql::finding::story::*;
    let mut outcome = support::plain();
    let destination = |ip: &str, inbound| Destination {
        ip: ip.to_owned(),
        inbound,
        names: vec!["c2.example".to_owned()],
        seen: Count { count: 400, first: Some(support::at(0)), last: Some(support::at(9_000)) },
        ..Destination::default()
    };
    let reached = vec![
        destination("198.51.100.99", false),
        destination("10.1.2.3", false),
        destination("::1", false),
        destination("198.51.100.111", true),
    ];
    let connections =
        Connections { destinations: Listed { total: 4, shown: reached }, ..Connections::default() };
    outcome.findings[0].story = Ok(std::sync::Arc::new(Story { connections, ..Story::default() }));
    let process = &mut outcome.findings[4].events[0].as_mut().expect("a start").document["process"];
    process["executable"] = "C:\\Users\\Public\\mshta.exe".into();
    process["hash"]["sha256"] = "ab".repeat(32).into();
    process["pe"]["company"] = "Example Ltd".into();

    let page = page(&outcome, 100);
    let (plain, defanged) = (lines(&page, "iocs-plain"), lines(&page, "iocs-defanged"));
    let expected = [
        "198.51.100.99",
        "203.0.113.2",
        "203.0.113.3",
        "203.0.113.4",
        "203.0.113.6",
        "203.0.113.8",
        &"ab".repeat(32),
        "C:\\Users\\Public\\mshta.exe",
    ];
    assert_eq!(plain, expected);
    assert_eq!(defanged.len(), plain.len());
    assert_eq!(
        (defanged[0], *defanged.last().expect("a path")),
        ("198[.]51[.]100[.]99", plain[plain.len() - 1])
    );
    // What is no indicator is shown with the reason: what Windows ships, internal addresses, names and URLs under no public suffix.
    let section = between(&page, "<section id=\"iocs\"", "</section>");
    for shown in [
        "10[.]1[.]2[.]3",
        "context: an address of a private network",
        &"0f".repeat(32),
        "context: the file says that it is Microsoft&#39;s",
        "hxxp[://]update[.]example/a1[.]hta",
        "context: under no public suffix: a name of a network of its own",
    ] {
        assert!(section.contains(shown), "{shown}");
    }
    assert!(
        !section.contains("198[.]51[.]100[.]111"),
        "an inbound connection's destination is the host itself"
    );
}

#[test]
fn an_empty_result_says_what_it_rests_on() {
    let quiet = page(&support::quiet(), 100);
    assert!(
        quiet.contains("No findings</h1>")
            && quiet.contains("No rule matched in 2,298 Sysmon records of 4 hosts")
    );
    let mut nothing = support::quiet();
    nothing.sources.clear();
    nothing.hosts.clear();
    let nothing = page(&nothing, 100);
    assert!(nothing.contains("Nothing could be read</h1>") && nothing.contains("No Sysmon record was read"));
}

#[test]
fn a_limit_is_stated_and_every_finding_is_still_listed() {
    let outcome = support::large(700, 50);
    let page = page(&outcome, 300);
    assert_eq!(page.matches("<article ").count(), 300);
    assert!(page.contains("400 of 700 findings are not shown in full here; findings.jsonl has all."));
    assert_eq!(page.matches("<tr data-severity=").count(), 700);
    assert_eq!(
        page.matches("<caption>Findings ").count(),
        3 + 1,
        "three chunks of the list, and the chart's table"
    );
    assert!(page.contains("10 hosts have no lane here"));
}

#[test]
fn marks_lead_to_findings_that_are_shown_in_full_and_say_how_many_they_stand_for() {
    let outcome = support::large(700, 50);
    let page = page(&outcome, 300);
    let drawings: Vec<&str> = page
        .split("<svg viewBox")
        .skip(1)
        .map(|rest| rest.split("</svg>").next().expect("a drawing"))
        .collect();
    let leads: Vec<&str> = drawings
        .iter()
        .flat_map(|drawing| drawing.split("<a href=\"#").skip(1))
        .map(|rest| rest.split('"').next().expect("an id"))
        .collect();
    assert!(leads.len() > 40, "{} marks lead anywhere", leads.len());
    for id in leads {
        assert!(page.contains(&format!("<article id=\"{id}\"")), "{id} is not shown in full");
    }
    let bars = drawings.iter().flat_map(|drawing| drawing.split("<rect class=\"bar").skip(1)).count();
    let counted: usize = drawings[..]
        .iter()
        .filter(|drawing| drawing.contains("id=\"chart-title\""))
        .flat_map(|drawing| drawing.split("<title>").skip(1))
        .filter_map(|title| title.split(' ').next().and_then(|count| count.parse::<usize>().ok()))
        .sum();
    assert!(bars > 0 && counted == 700, "{bars} bars of {counted} findings");
}

#[test]
fn the_same_outcome_gives_the_same_page_but_for_the_run() {
    // What the case is, is asked for like any option, and stands on page one.
    let write = |run: evql::finding::Run| {
        let run = evql::finding::Run { case: evql::finding::Case::default(), ..run };
        let mut bytes = Vec::new();
        write_html(&support::plain(), &run, &HtmlOptions::default(), &mut bytes)
            .expect("a Vec takes every write");
        let page = String::from_utf8(bytes).expect("UTF-8");
        let (before, rest) = page.split_once("<section id=\"run\"").expect("a run section");
        let (_, after) = rest.split_once("</section>").expect("its end");
        format!("{before}{after}")
    };
    assert!(
        write(support::run()) == write(support::hostile_run()),
        "the pages differ outside the run record"
    );
}

#[test]
fn extreme_times_are_drawn_without_panic() {
    let mut outcome = support::plain();
    for (finding, ticks) in outcome.findings.iter_mut().zip([0, u64::MAX]) {
        for event in finding.events.iter_mut().flatten() {
            event.created = evql::time::Timestamp::from_filetime(ticks);
        }
    }
    outcome.hosts[0].first = Some(evql::time::Timestamp::from_unix_millis(i64::MIN));
    assert!(page(&outcome, 10).ends_with("</html>\n"));
}

#[test]
fn pages_are_left_for_a_browser_to_look_at() {
    for (name, outcome, run) in [
        ("report-page-plain", support::plain(), support::run()),
        ("report-page-quiet", support::quiet(), support::run()),
        ("report-page-hostile", support::hostile(), support::hostile_run()),
        ("report-page-large", support::large(10_000, 60), support::run()),
    ] {
        let folder = support::fresh_folder(name);
        write_folder(&folder, &[Format::Html], &outcome, &run, &Options::default()).expect("written");
    }
}
