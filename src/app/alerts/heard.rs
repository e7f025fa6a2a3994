//! What the end of a run says of its endpoints: pure.

use super::record::News;
use crate::{
    store::AlertKind,
    sync::{Ending, FailureClass, JobReport},
    telemetry::chain,
};

/// What a run's end says of its endpoints. One that is paused says nothing: a limit is no trouble.
pub(super) fn of_run(report: &JobReport) -> Vec<News> {
    let mut news = Vec::new();
    let answers = |ending: &Ending| match ending {
        Ending::Ok => true,
        Ending::Paused(_) => false,
        Ending::Failed(error) => error.class() == FailureClass::Other,
    };
    // While others get answers, it is the endpoint that has none, not the service.
    let is_reached = report.endpoints.iter().any(|endpoint| answers(&endpoint.ending));
    let mut trouble = report.journal.as_ref().map(|error| chain(error));
    for endpoint in &report.endpoints {
        let name = &endpoint.endpoint;
        if answers(&endpoint.ending) {
            news.push(News::new(AlertKind::Credentials, name, None));
            news.push(News::new(AlertKind::Unreachable, name, None));
        }
        let kind = match &endpoint.ending {
            Ending::Ok => {
                news.push(News::new(AlertKind::Failed, name, None));
                continue;
            }
            Ending::Paused(_) => continue,
            Ending::Failed(error) => match error.class() {
                FailureClass::Database => {
                    trouble.get_or_insert_with(|| chain(error));
                    continue;
                }
                FailureClass::Credentials => AlertKind::Credentials,
                FailureClass::Unreachable if !is_reached => AlertKind::Unreachable,
                FailureClass::Unreachable | FailureClass::Other => AlertKind::Failed,
            },
        };
        if let Ending::Failed(error) = &endpoint.ending {
            news.push(News::new(kind, name, Some(chain(error))));
        }
    }
    news.push(News::new(AlertKind::Database, "", trouble));
    news
}
