//! Every link from one document to a file of ours leads somewhere.

use super::{Finding, lines};
use crate::tree::{Tree, ending};

/// Reports links in Markdown whose target is not in the tree. Links to the outside are not followed.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| ending(path) == Some("md")) {
        let mut fenced = false;
        for (at, line) in lines(text) {
            fenced ^= line.trim_start().starts_with("```");
            if fenced {
                continue;
            }
            for target in targets(line).filter(|target| !leads_somewhere(tree, path, target)) {
                findings.push(Finding::new(path, at, format!("the link to `{target}` leads nowhere")));
            }
        }
    }
    findings
}

/// What stands in the round brackets of `[text](target)`, for targets in this repository.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split_once(')')?.0;
        let target = target.split_once('#').map_or(target, |(file, _)| file);
        let outside = target.contains("://") || target.starts_with("mailto:");
        (!target.is_empty() && !outside && !target.contains(char::is_whitespace)).then_some(target)
    })
}

fn leads_somewhere(tree: &Tree, from: &str, target: &str) -> bool {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return false;
                }
            }
            part => parts.push(part),
        }
    }
    let wanted = parts.join("/");
    let inside = format!("{wanted}/");
    wanted.is_empty() || tree.files().any(|(path, _)| path == wanted || path.starts_with(&inside))
}

#[cfg(test)]
mod tests {
    use super::super::tests::said;
    use super::*;

    #[test]
    fn links_to_files_folders_and_the_outside_pass() {
        let text = "[a](b/c.md#part) [b](b/) [c](../x/b) [d](https://a.example/x) [e](#here)\n\
                    ```text\n[f](nowhere)\n```\n";
        assert_eq!(
            said(check, &[("x/a.md", text), ("x/b/c.md", "up: [x](../a.md), [all](../..)\n")]),
            [""; 0]
        );
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        assert_eq!(
            said(check, &[("x/a.md", "\nsee [a](a.md) and [b](b.md), [c](../../y)\n")]),
            ["x/a.md:2: the link to `b.md` leads nowhere", "x/a.md:2: the link to `../../y` leads nowhere"]
        );
    }
}
