//! Suggestions: what was most likely meant.

/// How alike two words must be (1 is equal) before one is suggested for the other: `pre` and `per` are 0.67.
const ALIKE: f64 = 0.65;

/// The known word nearest to the one written, if any is near; letter case does not count.
pub(super) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = written.to_lowercase();
    known
        .into_iter()
        .map(|word| {
            let alike = strsim::normalized_damerau_levenshtein(&written, &word.to_lowercase());
            (alike, word)
        })
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, word)| word)
}

/// The mend for a word that is not known: the nearest one, else all of them.
pub(super) fn suggest(written: &str, known: &[&str]) -> Option<String> {
    if let Some(word) = nearest(written, known.iter().copied()) {
        return Some(format!("did you mean `{word}`?"));
    }
    (!known.is_empty()).then(|| format!("known here: {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested_and_a_far_one_is_not() {
        assert_eq!(nearest("pre", ["requests", "per"]), Some("per"));
        assert_eq!(nearest("EndPoints", ["endpoint", "job"]), Some("endpoint"));
        assert_eq!(nearest("colour", ["requests", "per"]), None);
        assert_eq!(
            suggest("colour", &["requests", "per"]).as_deref(),
            Some("known here: requests, per")
        );
    }
}
