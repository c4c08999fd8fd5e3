"""The exceptions of both clients: one tree, the same class for the same fault.

```text
FrameworkException
├─ ClientError
│  ├─ SyncClientError, AsyncClientError    no or relative uri at construction
│  ├─ ConfigurationError (ValueError)      bad keyword, header, path value, foreign origin
│  ├─ ClientClosedError (RuntimeError)
│  └─ SubClientError
│     ├─ SubClientAlreadyLoaded ─ SubClientParentSet
│     └─ SubClientNotLoaded, SubClientNoParent
├─ ExtensionError
│  └─ ExtensionNotFound, ExtensionAlreadyLoaded, ExtensionNotLoaded,
│     ExtensionEntryPointError, ExtensionFailed
├─ ValidationError                         the 0.3.9 name; ConfigurationError is one
├─ TransportError                          no whole response; .sent = "no" | "maybe" | "yes"
│  ├─ ConnectError                         DNSError, ProxyError, TLSError ─ CertificateError
│  ├─ RequestTimeout (TimeoutError)        ConnectTimeout, PoolTimeout, ReadTimeout,
│  │                                       WriteTimeout, DeadlineExceeded
│  ├─ ConnectionLost                       reset or closed before a whole head
│  ├─ ProtocolError                        no valid HTTP
│  └─ IncompleteResponse                   .status, .received, .expected
├─ RedirectError                           TooManyRedirects, UnsafeRedirect, BodyNotReplayable
├─ ResponseTooLarge                        .limit, .size
├─ DecodeError                             response whole, content unusable; .status, .body
│  ├─ ContentEncodingError
│  └─ ResponseParseError (ClientError) ─ ResponseValidationError
├─ UploadIncomplete                        .status
├─ UploadError ─ UploadLost                an upload in several requests
├─ RateLimitTimeout (TimeoutError), CircuitOpenError, BudgetExhausted, LimiterUnavailable,
│  CredentialsExhausted, EgressRefused     nothing was sent
├─ AuthError                               MissingCredentials, TokenRefreshError,
│                                          OAuthStateError, WebhookVerificationError
├─ OperationError                          .response, .raw, .status
│  ├─ OperationFailed                      .code, .canceled
│  └─ OperationTimeout (TimeoutError)      .state
├─ PaginationError, ContentChanged, ChecksumMismatch
├─ FileError (OSError)                     .path, .errno
│  └─ TargetExists (FileExistsError), UnreadableFile (ConfigurationError)
└─ HTTPError                               .status_code, .response, .raw
   └─ HTTPRedirect, HTTPClientError, HTTPServerError: one class per status
```

What the libraries underneath raise is the `__cause__`, never what a caller sees.
"""

from . import base, call, status
from .base import *  # noqa: F403 - one flat namespace for users, one concept a module for us
from .call import *  # noqa: F403
from .status import *  # noqa: F403

__all__: list[str] = []
__all__ += base.__all__
__all__ += call.__all__
__all__ += status.__all__
