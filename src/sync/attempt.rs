//! One request, until it has an answer: reserve, token, send, classify, settle.

mod slot;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::StatusCode;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    EndpointSettings, Event, NotBefore, Pause, Wait, Waited,
    error::EndpointError,
    shared::{SENT_WITHIN, Shared, TOKEN_PERIOD},
};
use crate::{
    api::{
        classify::{Limited, Problem, Verdict, classify},
        response::{Response, limit_headers},
        retry::Retry,
        token::{AccessToken, TokenError},
    },
    clock::Now,
    limits::{self, Hints},
    store::{AskedPause, Effort, Reservation, RunId, Settlement, StoreError, TOKEN_GROUP},
};

/// So often in a row may the rate limit refuse a request before the endpoint is left to the next run.
const REFUSALS: u32 = 10;

/// So often in a row may a reservation grow old before its request is sent.
const LATE: u32 = 5;

/// So many redirects are followed for one request; each is a request of the budget.
const REDIRECTS: u32 = 5;

/// Why an endpoint goes no further in this run.
#[derive(Debug)]
pub(super) enum Halt {
    Paused(Pause),
    Failed(EndpointError),
}

impl<E: Into<EndpointError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// An answer that the sweep can go on with.
#[derive(Debug)]
pub(super) enum Answer {
    /// A page.
    Page(Response),
    /// 404, which past the first page may be the end of a listing.
    NotFound(Problem),
    /// Another refusal of the request itself, such as a 400: it is not tried again.
    Refused(Problem),
}

/// Asks for the pages of one endpoint, one at a time.
pub(super) struct Requester<'r> {
    shared: &'r Shared,
    endpoint: &'r EndpointSettings,
    /// The run that asks; `None`: somebody who only looks, asks once, and does not wait for the end of a pause.
    run: Option<RunId>,
    stop: &'r CancellationToken,
    /// First come, first served within the process: held while its owner waits for a slot.
    turn: Arc<Mutex<()>>,
    /// The page that is asked for, from 1.
    page: u64,
    retry: Retry,
    /// Time spent on trying the same page, waits for the limit left out.
    tried_for: Duration,
    refusals: u32,
    reauthorized: bool,
    /// Reservations in a row that grew old before their request could be sent.
    stale: u32,
    /// What the pages have cost since it was last taken.
    effort: Effort,
    /// Whether other processes are told of a wait.
    wait_is_noted: bool,
    /// What the last answer has said, for who only looks.
    answered: Option<Answered>,
}

/// What an answer has said beside its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its status.
    pub status: u16,
    /// The headers that tell of a limit, each with its value.
    pub limits: Vec<(String, String)>,
}

impl<'r> Requester<'r> {
    pub(super) fn new(
        shared: &'r Shared,
        endpoint: &'r EndpointSettings,
        run: Option<RunId>,
        stop: &'r CancellationToken,
    ) -> Self {
        Self {
            shared,
            endpoint,
            run,
            stop,
            turn: shared.turn(&endpoint.group),
            page: 1,
            retry: shared.retry(),
            tried_for: Duration::ZERO,
            refusals: 0,
            reauthorized: false,
            stale: 0,
            effort: Effort::default(),
            wait_is_noted: false,
            answered: None,
        }
    }

    /// Goes on to another page: what was tried for the one before no longer counts.
    pub(super) fn next_page(&mut self, page: u64) {
        self.page = page;
        self.retry = self.shared.retry();
        self.tried_for = Duration::ZERO;
        self.refusals = 0;
        self.reauthorized = false;
        self.stale = 0;
    }

    /// Takes the account of requests and waits since the last call.
    pub(super) fn take_effort(&mut self) -> Effort {
        std::mem::take(&mut self.effort)
    }

    /// What the last answer has said, where nobody but who only looks wants to know.
    pub(super) fn take_answered(&mut self) -> Option<Answered> {
        self.answered.take()
    }

    /// Asks until there is an answer that another try would not change.
    pub(super) async fn get(&mut self, url: &Url) -> Result<Answer, Halt> {
        let mut url = url.clone();
        let mut redirects = 0;
        loop {
            let refusals = self.shared.token_refusals().load(Ordering::Acquire);
            let reservation = self.reserve().await?;
            if self.shared.token_refusals().load(Ordering::Acquire) != refusals {
                // The pause of the token endpoint is being stored: the next reservation obeys it.
                self.settle(reservation, Settlement::Unsent).await?;
                continue;
            }
            let Some((verdict, response)) = self.exchange(reservation, &url).await? else {
                continue;
            };
            match verdict {
                Verdict::Success => return Ok(Answer::Page(response)),
                Verdict::NotFound(problem) => return Ok(Answer::NotFound(problem)),
                Verdict::Refused(problem) => return Ok(Answer::Refused(problem)),
                Verdict::NotPermitted(problem) => {
                    return Err(EndpointError::Http { page: self.page, problem }.into());
                }
                // Its pause is stored: the next reservation waits for the end of that.
                Verdict::Limited(_) => {}
                Verdict::Unauthorized(problem) if self.reauthorized => {
                    return Err(EndpointError::Unauthorized { page: self.page, problem }.into());
                }
                Verdict::Unauthorized(_) => self.reauthorized = true,
                Verdict::Transient(problem) => {
                    self.try_again(EndpointError::Transient { page: self.page, problem }).await?;
                }
                Verdict::Redirect(to) => {
                    redirects += 1;
                    if redirects > REDIRECTS {
                        return Err(
                            EndpointError::Redirects { page: self.page, limit: REDIRECTS }.into()
                        );
                    }
                    url = to;
                }
                Verdict::RedirectElsewhere { problem, to } => {
                    return Err(
                        EndpointError::RedirectElsewhere { page: self.page, problem, to }.into()
                    );
                }
            }
        }
    }

    /// Sends one request, with a token that is taken now: it must not grow old in a wait. `None`: it is to be tried again.
    async fn exchange(
        &mut self,
        reservation: Reservation,
        url: &Url,
    ) -> Result<Option<(Verdict, Response)>, Halt> {
        let started = self.shared.clock.now().boot;
        let token = match self.shared.client.access_token(started).await {
            Ok(token) => token,
            Err(error) => {
                self.tried_for += self.shared.clock.now().boot.since(started);
                return self.no_token(reservation, error).await.map(|()| None);
            }
        };
        if reservation.age(self.shared.clock.now().boot) > SENT_WITHIN {
            // Mostly the token had to be asked for: it is at hand for the next reservation.
            self.tried_for += self.shared.clock.now().boot.since(started);
            self.settle(reservation, Settlement::Unsent).await?;
            return self.late().map(|()| None);
        }
        let response = self.send(reservation, url, &token).await;
        self.tried_for += self.shared.clock.now().boot.since(started);
        match response? {
            Ok(answer) => Ok(Some(answer)),
            Err(error) => self.try_again(error).await.map(|()| None),
        }
    }

    /// Counts the reservations that grew old, so that this has an end.
    fn late(&mut self) -> Result<(), Halt> {
        self.stale += 1;
        if self.stale < LATE {
            Ok(())
        } else {
            Err(EndpointError::Late { page: self.page, tries: self.stale }.into())
        }
    }

    async fn no_token(&mut self, reservation: Reservation, error: TokenError) -> Result<(), Halt> {
        match error {
            TokenError::Limited(limited) => {
                self.shared.token_refusals().fetch_add(1, Ordering::AcqRel);
                self.refused(reservation, Settlement::Unsent, TOKEN_GROUP, &limited).await
            }
            error => {
                self.settle(reservation, Settlement::Unsent).await?;
                self.try_again(EndpointError::Token(error)).await
            }
        }
    }

    /// Sends and settles; the outer error is one of the ledger, or ends the run.
    async fn send(
        &mut self,
        reservation: Reservation,
        url: &Url,
        token: &AccessToken,
    ) -> Result<Result<(Verdict, Response), EndpointError>, Halt> {
        let started = self.shared.clock.now().boot;
        let response = self.shared.client.get(url, token).await;
        let took = self.shared.clock.now().boot.since(started);
        let response = match response {
            Ok(response) => response,
            Err(source) => {
                let unsent = source.unsent();
                self.effort.requests += u64::from(!unsent);
                if !unsent {
                    self.tell_asked(None, took);
                }
                let settlement = if unsent { Settlement::Unsent } else { Settlement::Failed };
                self.settle(reservation, settlement).await?;
                return Ok(Err(EndpointError::Transport { page: self.page, source }));
            }
        };
        self.effort.requests += 1;
        self.tell_asked(Some(response.status.as_u16()), took);
        if self.run.is_none() {
            let (status, limits) = (response.status.as_u16(), limit_headers(&response, token));
            self.answered = Some(Answered { status, limits });
        }
        let verdict = classify(&response, url, self.shared.client.base_url());
        let settlement = Settlement::Answered(response.status.as_u16());
        match &verdict {
            Verdict::Limited(limited) => {
                let group = &self.endpoint.group;
                self.refused(reservation, settlement, group, limited).await?;
            }
            Verdict::Success
            | Verdict::Unauthorized(_)
            | Verdict::NotPermitted(_)
            | Verdict::NotFound(_)
            | Verdict::Refused(_)
            | Verdict::Transient(_)
            | Verdict::Redirect(_)
            | Verdict::RedirectElsewhere { .. } => self.settle(reservation, settlement).await?,
        }
        if response.status == StatusCode::UNAUTHORIZED {
            self.shared.client.invalidate(token).await;
        }
        Ok(Ok((verdict, response)))
    }

    fn tell_asked(&self, status: Option<u16>, took: Duration) {
        self.shared.tell(&Event::Asked { endpoint: &self.endpoint.name, status, took });
    }

    async fn settle(
        &self,
        reservation: Reservation,
        settlement: Settlement,
    ) -> Result<(), StoreError> {
        self.shared.store.settle(reservation, settlement, None).await
    }

    /// Settles a request together with the pause that the API asks for.
    async fn refused(
        &mut self,
        reservation: Reservation,
        settlement: Settlement,
        group: &str,
        limited: &Limited,
    ) -> Result<(), Halt> {
        let per = if group == TOKEN_GROUP { TOKEN_PERIOD } else { self.endpoint.limit.per };
        let now = self.shared.clock.now();
        let length = pause_length(limited, per, now);
        let pause = AskedPause { group, length, reason: &limited.message };
        self.shared.store.settle(reservation, settlement, Some(&pause)).await?;
        self.refusals += 1;
        self.shared.tell(&Event::Refused {
            endpoint: &self.endpoint.name,
            group,
            problem: &limited.problem,
            pause: length,
            refusals: self.refusals,
        });
        let most = if self.run.is_some() { REFUSALS } else { 1 };
        if self.refusals >= most {
            let until = NotBefore::new(now.boot.saturating_add(length), now);
            let problem = limited.problem.clone();
            Err(Halt::Paused(Pause::Refused { times: self.refusals, until, problem }))
        } else {
            Ok(())
        }
    }

    /// Waits before the next try, or gives up where the failure is not worth one, or has lasted too long.
    pub(super) async fn try_again(&mut self, error: EndpointError) -> Result<(), Halt> {
        let delay = if error.retry() { self.retry.next_delay(self.tried_for) } else { None };
        let Some(delay) = delay else { return Err(error.into()) };
        let until = self.shared.clock.now().boot.saturating_add(delay);
        self.shared.tell(&Event::Waiting {
            endpoint: &self.endpoint.name,
            length: delay,
            reason: Wait::Retry(&error),
        });
        self.note_wait("next try", until).await?;
        let began = self.shared.clock.now().boot;
        let waited = self.wait(until).await;
        self.shared.tell(&Event::Waited {
            endpoint: &self.endpoint.name,
            length: self.shared.clock.now().boot.since(began),
            reason: Waited::Retry,
        });
        waited?;
        self.note_end_of_wait().await?;
        self.tried_for += delay;
        Ok(())
    }
}

/// How long the API asks to be left alone.
pub(super) fn pause_length(limited: &Limited, per: Duration, now: Now) -> Duration {
    let hints = Hints {
        retry_after: limited.retry_after.as_deref(),
        date: limited.date.as_deref(),
        message: Some(&limited.message),
    };
    limits::pause_length(&hints, per, now.wall)
}
