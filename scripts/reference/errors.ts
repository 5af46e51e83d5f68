import { problemResponse, statusOf } from '../../src/http/problem.ts'
import { type ErrorCode, StorageError } from '../../src/storage/errors.ts'
import { table } from '../docs/table.ts'
import { ERRORS } from '../openapi/errors-page.ts'
import { code, heading, plain } from './page.ts'

const EXAMPLE = new StorageError('unavailable', 'no backend returned the object', {
  failures: [new StorageError('unavailable', 'GET answered 503', { backend: 'legacy' })],
})

/** docs/errors.md: the codes of problem documents. */
export async function errorsReference(): Promise<string> {
  const rows = (Object.entries(ERRORS) as [ErrorCode, string][]).map(([name, meaning]) => [
    code(name),
    String(statusOf(new StorageError(name, ''))),
    plain(meaning),
  ])
  const introduction =
    'Failures are answered with a problem document (RFC 9457, `application/problem+json`). Its `type` ends in one of these codes; `backends` lists the backends that failed, each with its own code and the reason. The S3 API answers with the errors of S3 instead.'
  return `${heading('Errors', introduction)}

\`\`\`json
${JSON.stringify(await problemResponse(EXAMPLE).json(), null, 2)}
\`\`\`

${table(['code', 'status', 'meaning'], rows)}

A 404 is only sent if every backend proved that it does not have the object: [what happens when a backend fails](faults.md) lists each kind of failure. [Configuration](configuration.md#fix-configuration-errors) explains configuration errors, and [the CLI](cli.md#in-scripts) its exit codes.
`
}
