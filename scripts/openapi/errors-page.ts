import { statusOf } from '../../src/http/problem.ts'
import { type ErrorCode, StorageError } from '../../src/storage/errors.ts'

/** What the codes of problem documents mean to a client. */
const ERRORS: Record<ErrorCode, string> = {
  absent: 'Every backend proved that it does not hold the name, or the name was deleted.',
  invalid:
    'The name, the query or the body cannot be used. The detail says why; repeating the request does not help.',
  corrupt: 'The bytes were short, long, or did not have the digest that was announced. Nothing was stored.',
  precondition: 'The object is not, or is no longer, as If-Match or If-None-Match demands.',
  'too-large': 'The body has more bytes than the backend or the configuration takes.',
  unsatisfiable: 'The range begins past the end of the object; Content-Range has its size.',
  unsupported: 'No backend of the chain can do this.',
  locked:
    'A lock of the bucket (R2 bucket lock, S3 object lock) protects the object: it can be neither replaced nor deleted until the lock ends. Nothing was changed; repeating the request does not help before then.',
  'too-many-writes':
    'The backend accepts one write per second and name, and retries did not succeed. Send it again after the seconds of Retry-After.',
  interrupted: 'The body broke off before its end. Nothing was stored.',
  internal: 'A defect of this software. The log has it with its cause.',
  timeout: 'No backend has it, and those that failed did not answer in time. It may exist: try again.',
  unavailable: 'No backend has it, and at least one failed. It may exist: try again.',
  denied: 'A backend refuses the credentials that the Worker was configured with.',
  overloaded:
    'Too many bodies are held in memory at this moment. Nothing was stored: send the request again after the seconds of Retry-After.',
  loop: 'The request came back to this Worker, or passed too many: a backend leads to the Worker itself, directly or through another. Only a change of the configuration helps.',
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
<p>Errors are problem documents (RFC 9457). Where backends were tried, <code>backends</code> has the error of each that failed.</p>
<table>
<tr><th>Code</th><th>Status</th><th>Meaning</th></tr>
${rows.join('\n')}
</table>
</body>
</html>
`
}
