import { statusOf } from '../../src/http/problem.ts'
import { type ErrorCode, StorageError } from '../../src/storage/errors.ts'

/** What the codes of problem documents mean for a client. */
export const ERRORS: Record<ErrorCode, string> = {
  absent: 'Every backend proved that it does not have the object, or the object was deleted.',
  invalid: 'The name, query or body is invalid. The detail says why. Do not repeat the request unchanged.',
  corrupt: 'The body’s length or digest does not match what was announced. Nothing was stored.',
  precondition: 'The object does not satisfy If-Match or If-None-Match, or no longer does.',
  'too-large': 'The body is larger than the backend or the configuration allows.',
  unsatisfiable: 'The range begins after the end of the object; Content-Range has its size.',
  unsupported: 'No backend in the chain supports this.',
  locked:
    'A lock of the bucket (R2 bucket lock, S3 object lock) protects the object. It cannot be replaced or deleted until the lock ends. Nothing was changed; do not repeat the request before then.',
  'too-many-writes':
    'The backend accepts one write per second and name, and retries did not help. Repeat the request after Retry-After.',
  interrupted: 'The body was interrupted. Nothing was stored.',
  internal: 'A bug in this software. The log has its stack.',
  timeout:
    'No backend returned the object, and those that failed did not answer in time. It may exist: try again.',
  unavailable: 'No backend returned the object, and at least one failed. It may exist: try again.',
  denied: 'A backend refuses the configured credentials.',
  overloaded:
    'The Worker has no memory left at the moment. Nothing was stored; repeat the request after Retry-After.',
  loop: 'The request came back to this Worker, or passed through too many Workers: a backend leads back to it, directly or through another Worker. Fix the configuration.',
  skipped: 'A backend was skipped because it failed too often recently. It is tried again automatically.',
}

/** The page that the types of problem documents point to. */
export function errorsPage(): string {
  const rows = (Object.entries(ERRORS) as [ErrorCode, string][]).map(
    ([code, meaning]) =>
      `<tr id="${code}"><th><code>${code}</code></th><td>${statusOf(new StorageError(code, ''))}</td><td>${meaning}</td></tr>`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>fallback-storage errors</title>
<link rel="stylesheet" href="docs.css">
</head>
<body>
<h1>Errors</h1>
<p>Errors are problem documents (RFC 9457). <code>backends</code> lists the backends that failed, and why.</p>
<table>
<tr><th>Code</th><th>Status</th><th>Meaning</th></tr>
${rows.join('\n')}
</table>
</body>
</html>
`
}
