//! The tokens that the server gives out and takes.

use std::{borrow::Cow, collections::HashMap, time::Duration};

use serde::{Serialize, Serializer};
use url::form_urlencoded;

use super::{
    data::{Dice, Kind},
    settings::Settings,
};

/// What tokens are for, as the response says it.
const RESOURCE: &str = "https://api.mapiq.com/public";

/// The tokens given out, and until when each is good. Times are those since the server's start.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    expires_by_token: HashMap<String, Duration>,
    issued: u64,
}

/// The response to a request that gets a token.
#[derive(Debug, Serialize)]
pub(crate) struct Grant {
    pub(crate) access_token: String,
    token_type: &'static str,
    not_before: Number,
    expires_in: Number,
    expires_on: Number,
    resource: &'static str,
}

/// A number, sent as one or as a string.
#[derive(Clone, Copy, Debug)]
struct Number {
    value: u64,
    as_string: bool,
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.as_string {
            serializer.collect_str(&self.value)
        } else {
            serializer.serialize_u64(self.value)
        }
    }
}

/// Why a request gets no token: the errors of RFC 6749, section 5.2.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    InvalidRequest(String),
    InvalidClient,
    UnsupportedGrantType,
    InvalidScope,
}

impl Refusal {
    /// The code in the response's `error`.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
        }
    }

    /// The sentence in the response's `error_description`.
    pub(crate) fn description(&self) -> &str {
        match self {
            Self::InvalidRequest(reason) => reason,
            Self::InvalidClient => "The client is unknown or its secret is wrong.",
            Self::UnsupportedGrantType => "The grant type must be client_credentials.",
            Self::InvalidScope => "The scope is unknown.",
        }
    }
}

impl Tokens {
    /// Gives out a token for a form, when it is as documented. `now` is the time since the server's start, `epoch` the
    /// same moment in seconds since 1970.
    ///
    /// # Errors
    /// The form is not as documented, or its client is another.
    pub(crate) fn grant(
        &mut self,
        content_type: Option<&str>,
        form: &[u8],
        settings: &Settings,
        now: Duration,
        epoch: u64,
    ) -> Result<Grant, Refusal> {
        check_form(content_type, form, settings)?;

        self.expires_by_token.retain(|_, expires| now < *expires);
        let lifetime = settings.token_lifetime;
        let expires_on = epoch.saturating_add(lifetime.as_secs());
        let access_token = token(settings, self.issued, epoch, expires_on);
        self.issued += 1;
        self.expires_by_token.insert(access_token.clone(), now.saturating_add(lifetime));

        let number = |value| Number { value, as_string: settings.token_numbers_as_strings };
        Ok(Grant {
            access_token,
            token_type: "Bearer",
            not_before: number(epoch),
            expires_in: number(lifetime.as_secs()),
            expires_on: number(expires_on),
            resource: RESOURCE,
        })
    }

    /// Lets all tokens given out so far be good no more.
    pub(crate) fn revoke(&mut self) {
        self.expires_by_token.clear();
    }

    /// Checks the `Authorization` header of a request.
    ///
    /// # Errors
    /// There is no bearer token, it was not given out here, or it has expired: the sentence that the response says.
    pub(crate) fn check(
        &self,
        authorization: Option<&str>,
        now: Duration,
    ) -> Result<(), &'static str> {
        // RFC 9110, section 11.1: the scheme's case does not matter.
        let token = authorization
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
            .map(|(_, token)| token.trim())
            .ok_or("JWT not present.")?;
        match self.expires_by_token.get(token) {
            Some(expires) if now < *expires => Ok(()),
            Some(_) | None => Err("Invalid JWT."),
        }
    }

    /// How many tokens were given out.
    pub(crate) fn issued(&self) -> u64 {
        self.issued
    }
}

fn check_form(content_type: Option<&str>, form: &[u8], settings: &Settings) -> Result<(), Refusal> {
    let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Refusal::InvalidRequest(
            "The content type must be application/x-www-form-urlencoded.".into(),
        ));
    }

    let grant_type = field(form, "grant_type")?;
    let scope = field(form, "scope")?;
    let client_id = field(form, "client_id")?;
    let client_secret = field(form, "client_secret")?;
    if grant_type != "client_credentials" {
        return Err(Refusal::UnsupportedGrantType);
    }
    if client_id != settings.client_id || client_secret != settings.client_secret {
        return Err(Refusal::InvalidClient);
    }
    if scope != settings.scope {
        return Err(Refusal::InvalidScope);
    }
    Ok(())
}

/// The value of a field that must be there, once (RFC 6749, section 3.2), and not be empty.
fn field<'a>(form: &'a [u8], wanted: &str) -> Result<Cow<'a, str>, Refusal> {
    let mut values = form_urlencoded::parse(form).filter(|(name, _)| name == wanted);
    match (values.next(), values.next()) {
        (Some((_, value)), None) if !value.is_empty() => Ok(value),
        (Some(_), Some(_)) => {
            Err(Refusal::InvalidRequest(format!("The parameter {wanted} is there twice.")))
        }
        _ => Err(Refusal::InvalidRequest(format!("The parameter {wanted} is missing."))),
    }
}

/// A token of a JWT's shape. Its signature is none: whoever knows the seed can make one, on a server of made-up data.
fn token(settings: &Settings, number: u64, not_before: u64, expires_on: u64) -> String {
    let mut dice = Dice::of(settings.seed, Kind::Token, number);
    let header = serde_json::json!({ "alg": "RS256", "typ": "JWT" });
    let payload = serde_json::json!({
        "appid": settings.client_id,
        "aud": RESOURCE,
        "exp": expires_on,
        "jti": format!("{number}-{:016x}", dice.next()),
        "nbf": not_before,
    });
    let signature: Vec<u8> = (0..32).flat_map(|_| dice.next().to_be_bytes()).collect();
    [header.to_string().into_bytes(), payload.to_string().into_bytes(), signature]
        .map(|part| base64url(&part))
        .join(".")
}

/// Base 64 for URLs, without padding: RFC 4648, section 5.
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * place) & 0x3F) as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";
    const SCOPE: &str = "scope=https%3A%2F%2Fapi.mapiq.com%2Fpublic%2F.default";

    fn ask(tokens: &mut Tokens, form: &str, now: u64) -> Result<Grant, Refusal> {
        let settings = Settings { token_lifetime: Duration::from_mins(1), ..Settings::default() };
        tokens.grant(Some(FORM), form.as_bytes(), &settings, Duration::from_secs(now), 1_000 + now)
    }

    fn good_form() -> String {
        format!("grant_type=client_credentials&{SCOPE}&client_id=demo&client_secret=demo")
    }

    #[test]
    fn base64url_is_that_of_the_rfc_without_padding() {
        for (bytes, text) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")]
        {
            assert_eq!(base64url(bytes.as_bytes()), text);
        }
        assert_eq!(base64url(&[0xFB, 0xFF]), "-_8");
    }

    #[test]
    fn a_token_is_good_until_its_lifetime_is_over() {
        let mut tokens = Tokens::default();
        let grant = ask(&mut tokens, &good_form(), 10).expect("the documented form");
        let header = format!("Bearer {}", grant.access_token);
        let check = |seconds| tokens.check(Some(&header), Duration::from_secs(seconds));

        assert_eq!(check(69), Ok(()));
        assert_eq!(check(70), Err("Invalid JWT."));
    }

    #[test]
    fn every_token_is_another_and_shaped_like_a_jwt() {
        let mut tokens = Tokens::default();
        let mut token = || ask(&mut tokens, &good_form(), 0).expect("a good form").access_token;
        let (first, second) = (token(), token());

        assert_ne!(first, second);
        assert_eq!(first.split('.').filter(|part| !part.is_empty()).count(), 3);
        assert!(first.starts_with("eyJ"), "the start of every JSON object in base 64");
        assert_eq!(tokens.issued(), 2);
    }

    #[test]
    fn only_a_known_bearer_token_is_taken() {
        let mut tokens = Tokens::default();
        let token = ask(&mut tokens, &good_form(), 0).expect("a good form").access_token;
        let check = |header: &str| tokens.check(Some(header), Duration::ZERO);

        assert_eq!(tokens.check(None, Duration::ZERO), Err("JWT not present."));
        assert_eq!(check(&token), Err("JWT not present."));
        assert_eq!(check(&format!("Basic {token}")), Err("JWT not present."));
        assert_eq!(check("Bearer eyJ.eyJ.x"), Err("Invalid JWT."));
        assert_eq!(check(&format!("bearer {token}")), Ok(()));
    }

    #[test]
    fn a_form_that_differs_from_the_documented_one_gets_the_error_of_the_rfc() {
        let refusal = |form: &str| {
            let refusal = ask(&mut Tokens::default(), form, 0).expect_err("a wrong form");
            refusal.code()
        };
        let replaced = |from: &str, to: &str| refusal(&good_form().replace(from, to));

        assert_eq!(replaced("client_id=demo", "client_id=other"), "invalid_client");
        assert_eq!(replaced("client_secret=demo", "client_secret=Demo"), "invalid_client");
        assert_eq!(replaced("client_credentials", "password"), "unsupported_grant_type");
        assert_eq!(replaced(".default", "x"), "invalid_scope");
        assert_eq!(replaced("grant_type", "grant"), "invalid_request");
        assert_eq!(replaced("client_secret=demo", "client_secret="), "invalid_request");
        assert_eq!(refusal(&format!("{}&client_id=demo", good_form())), "invalid_request");
        assert_eq!(refusal(""), "invalid_request");
    }

    #[test]
    fn another_content_type_is_an_invalid_request() {
        let refusal = |content_type| {
            let (form, settings) = (good_form(), Settings::default());
            let mut tokens = Tokens::default();
            tokens
                .grant(content_type, form.as_bytes(), &settings, Duration::ZERO, 0)
                .map_err(|refusal| refusal.code())
                .map(drop)
        };

        assert_eq!(refusal(None), Err("invalid_request"));
        assert_eq!(refusal(Some("application/json")), Err("invalid_request"));
        assert_eq!(refusal(Some("application/x-www-form-urlencoded; charset=utf-8")), Ok(()));
    }

    #[test]
    fn numbers_are_sent_as_strings_when_the_settings_say_so() {
        let settings = Settings { token_numbers_as_strings: true, ..Settings::default() };
        let grant = Tokens::default()
            .grant(Some(FORM), good_form().as_bytes(), &settings, Duration::ZERO, 1_000)
            .expect("a good form");

        let json = serde_json::to_value(grant).expect("a grant is JSON");
        assert_eq!(json["not_before"], "1000");
        assert_eq!(json["expires_in"], "3600");
        assert_eq!(json["expires_on"], "4600");
    }
}
