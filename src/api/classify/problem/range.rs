//! Whether a refusal is about the range of dates that was asked for.

use http::StatusCode;

use super::Problem;

/// Words, in lower case, that an API says of a range of dates and hardly of anything else that is wrong with a request.
const WORDS: &[&str] = &[
    "range", "ranges", "period", "periods", "interval", "window", "span", "timespan", "day",
    "days", "week", "weeks", "month", "months", "year", "years", "hours", "maximum", "max",
    "exceed", "exceeds", "exceeded", "wide", "past", "future", "earlier", "older",
];

/// A title that says no more than the status does: ASP.NET's own, for `BadRequest()`.
const SAYS_NOTHING: &[&str] =
    &["", "null", "bad request", "unprocessable entity", "one or more validation errors occurred"];

impl Problem {
    /// Whether it is about the range of dates that these parameters ask for, or says nothing at all of what is wrong.
    ///
    /// 400 is what such a refusal has been seen to be; 422 says the same of some frameworks, and 416 is its literal name.
    pub fn is_about_range(&self, params: [&str; 2]) -> bool {
        let may_be = [
            StatusCode::BAD_REQUEST,
            StatusCode::RANGE_NOT_SATISFIABLE,
            StatusCode::UNPROCESSABLE_ENTITY,
        ];
        if !may_be.contains(&self.status) {
            return false;
        }
        let names_one = |text: &str| params.iter().any(|param| param.eq_ignore_ascii_case(text));
        // A model's field may be named with the model: `filter.EndDate`.
        let is_one =
            |field: &String| names_one(field) || field.rsplit('.').next().is_some_and(names_one);
        if self.fields.iter().any(is_one) {
            return true;
        }
        let text = self.summary.to_lowercase();
        let mut words = text.split(|c: char| !c.is_alphanumeric());
        // A parameter's name may hold these two.
        let mut names = text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-'));
        if words.any(|word| WORDS.contains(&word)) || names.any(names_one) {
            return true;
        }
        // JSON of which no member is known to tell anything is summed up by itself.
        let said = text.trim_matches(|c: char| !c.is_alphanumeric());
        self.fields.is_empty() && (text.starts_with(['{', '[']) || SAYS_NOTHING.contains(&said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about_range(status: u16, body: &str) -> bool {
        let status = StatusCode::from_u16(status).expect("the test's status is valid");
        Problem::read(status, body.as_bytes()).is_about_range(["startDate", "endDate"])
    }

    #[test]
    fn a_refusal_of_the_range_is_told_by_its_fields_or_its_words() {
        for body in [
            r#"{"title":"One or more validation errors occurred.","errors":{"endDate":["Not allowed."]}}"#,
            r#"{"title":"Validation failed","errors":{"EndDate":["Not allowed."]}}"#,
            r#"{"title":"Validation failed","errors":{"filter.EndDate":"Not allowed."}}"#,
            r#"{"errors":{"":["The range is too wide."]}}"#,
            r#"{"title":"Bad Request","detail":"You can query at most 31 days."}"#,
            r#"{"message":"The requested period is too large"}"#,
            r#"{"error":{"message":"startDate must lie before endDate by 14 at most"}}"#,
            r#"{"detail":"The maximum is 7."}"#,
            r#"{"code":"RANGE_TOO_WIDE"}"#,
            r#"{"detail":"Dates in the past cannot be asked for."}"#,
            "date range too wide",
        ] {
            for status in [400, 416, 422] {
                assert!(about_range(status, body), "{status} {body}");
            }
        }
    }

    #[test]
    fn a_refusal_without_an_explanation_may_be_one() {
        for body in [
            "",
            "{}",
            "null",
            r#"{"status":400,"traceId":"00-7-01"}"#,
            r#"{"type":"about:blank","title":"Bad Request","status":400,"traceId":"00-7-01"}"#,
            r#"{"title":"One or more validation errors occurred.","errors":{}}"#,
        ] {
            assert!(about_range(400, body), "{body}");
        }
    }

    #[test]
    fn a_refusal_of_something_else_is_none() {
        for body in [
            r#"{"title":"One or more validation errors occurred.","errors":{"pageSize":["Must be between 1 and 100."]}}"#,
            r#"{"title":"One or more validation errors occurred.","errors":{"buildingId":["Is required."]}}"#,
            r#"{"title":"Unknown cursor"}"#,
            r#"{"message":"The building does not exist"}"#,
            "<html><head><title>400 Bad Request</title></head></html>",
        ] {
            assert!(!about_range(400, body), "{body}");
        }
        for status in [404, 409, 410] {
            assert!(!about_range(status, r#"{"detail":"The range is too wide."}"#), "{status}");
        }
    }
}
