//! Network Level Authentication: CredSSP with NTLM (MS-CSSP 3.1.5, MS-NLMP), each user with their own NT hash.

use std::sync::{Arc, Mutex, PoisonError};

use ironrdp_connector::sspi::credssp::{
    CredSspServer, CredentialsProxy, EarlyUserAuthResult, NStatusCode, ServerError, ServerMode, ServerState,
    TsRequest,
};
use ironrdp_connector::sspi::generator::GeneratorState;
use ironrdp_connector::sspi::ntlm::NtlmConfig;
use ironrdp_connector::sspi::{AuthIdentity, NTLM_HASH_PREFIX, Username};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use crate::server::credentials::{NtHash, UserStore};
use crate::server::transport::{ReadError, UnitReader};

/// Largest TSRequest: tokens and credentials are far below it.
const MAX_TS_REQUEST: usize = 16 * 1024;
/// A login takes three requests; a client that wants many more is up to something.
const MAX_ROUNDS: usize = 8;

/// Why nobody is logged in.
#[derive(Debug, Error)]
pub(crate) enum NlaError {
    /// The user is unknown, the password is wrong, or the exchange is not a valid one.
    #[error("{reason}")]
    Denied {
        /// The name given, if the exchange got that far. The client chose it.
        user: Option<String>,
        /// What the security package says.
        reason: String,
    },
    #[error("authentication broken off: {0}")]
    Read(#[from] ReadError),
    #[error("authentication broken off: {0}")]
    Write(#[from] std::io::Error),
    #[error("CredSSP: {0}")]
    Protocol(String),
}

/// The name that the exchange asked for.
type Asked = Arc<Mutex<Option<String>>>;

/// Looks users up for the NTLM exchange and remembers whom it was asked for.
#[derive(Debug)]
struct Lookup {
    users: Arc<dyn UserStore>,
    asked: Asked,
}

impl CredentialsProxy for Lookup {
    type AuthenticationData = AuthIdentity;

    fn auth_data_by_user(&mut self, username: &Username) -> std::io::Result<AuthIdentity> {
        let name = username.account_name();
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.to_owned());
        // An unknown user goes the same way as a wrong password, so that neither answer nor time tells them apart.
        let hash = self.users.nt_hash(name).unwrap_or_else(|| NtHash::of(&unguessable()));
        // The security package takes a hash in place of a password in this form.
        let password = format!("{NTLM_HASH_PREFIX}{}", *hash.to_hex());
        Ok(AuthIdentity { username: username.clone(), password: password.into() })
    }

    fn auth_data(&mut self) -> std::io::Result<Vec<AuthIdentity>> {
        Err(std::io::Error::other("only NTLM by user name is offered"))
    }
}

/// A password that nobody knows.
fn unguessable() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    // RandomState is keyed from the operating system's random numbers.
    (0..4u8).map(|index| format!("{:016x}", RandomState::new().hash_one(index))).collect()
}

/// Authenticates the client; gives the account name.
///
/// `extended` is whether HYBRID_EX was negotiated: then the client waits for an Early User Authorization Result
/// (MS-RDPBCGR 2.2.10.2).
pub(crate) async fn authenticate<S: AsyncRead + AsyncWrite + Unpin>(
    reader: &mut UnitReader<S>,
    users: Arc<dyn UserStore>,
    public_key: &[u8],
    extended: bool,
) -> Result<String, NlaError> {
    let asked = Asked::default();
    let user = || asked.lock().unwrap_or_else(PoisonError::into_inner).take();
    let lookup = Lookup { users, asked: Arc::clone(&asked) };
    let mode = ServerMode::Ntlm(NtlmConfig::new("bailey".to_owned()));
    let mut server = CredSspServer::new(public_key.to_vec(), lookup, mode).map_err(protocol)?;
    for _ in 0..MAX_ROUNDS {
        let bytes = reader.read(MAX_TS_REQUEST, ts_request_size).await?;
        let request = TsRequest::from_buffer(bytes).map_err(protocol)?;
        match process(&mut server, request) {
            Ok(ServerState::ReplyNeeded(reply)) => write_request(reader, &reply).await?,
            Ok(ServerState::Finished(_)) => {
                if extended {
                    let mut bytes = Vec::new();
                    EarlyUserAuthResult::Success.to_buffer(&mut bytes)?;
                    reader.stream_mut().write_all(&bytes).await?;
                    reader.stream_mut().flush().await?;
                }
                return user().ok_or_else(|| protocol("no user name was given"));
            }
            Err(error) => {
                let denied = NlaError::Denied { user: user(), reason: error.error.to_string() };
                if let Some(mut reply) = error.ts_request {
                    // sspi derives the code from its own error numbers; clients know this NTSTATUS (MS-CSSP 2.2.1).
                    reply.error_code = Some(NStatusCode::LOGON_FAILURE);
                    (reply.nego_tokens, reply.pub_key_auth, reply.auth_info) = (None, None, None);
                    write_request(reader, &reply).await?;
                }
                return Err(denied);
            }
        }
    }
    Err(protocol("the exchange does not come to an end"))
}

fn protocol(error: impl std::fmt::Display) -> NlaError {
    NlaError::Protocol(error.to_string())
}

fn process(server: &mut CredSspServer<Lookup>, request: TsRequest) -> Result<ServerState, Box<ServerError>> {
    let mut generator = server.process(request);
    match generator.start() {
        GeneratorState::Completed(result) => result.map_err(Box::new),
        // Only Kerberos asks for the network, and it is not offered.
        GeneratorState::Suspended(_) => {
            let kind = ironrdp_connector::sspi::ErrorKind::UnsupportedFunction;
            let error = ironrdp_connector::sspi::Error::new(kind, "no network for authentication");
            Err(Box::new(ServerError { ts_request: None, error }))
        }
    }
}

fn ts_request_size(bytes: &[u8]) -> Result<Option<usize>, String> {
    match TsRequest::read_length(bytes) {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

async fn write_request<S: AsyncRead + AsyncWrite + Unpin>(
    reader: &mut UnitReader<S>,
    request: &TsRequest,
) -> Result<(), NlaError> {
    let mut bytes = Vec::with_capacity(usize::from(request.buffer_len().map_err(protocol)?));
    request.encode_ts_request(&mut bytes)?;
    reader.stream_mut().write_all(&bytes).await?;
    reader.stream_mut().flush().await?;
    Ok(())
}
