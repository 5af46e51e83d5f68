import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Command, InvalidArgumentError } from 'commander'
import mime from 'mime'
import { usageError } from '../errors.ts'
import { bytes, took } from '../output.ts'
import { createProgress } from '../progress.ts'
import { namePath } from '../../client/client.ts'
import { collect, type Session, sessionOf } from '../session.ts'
import { refusal, upload } from '../transfers.ts'

interface PutOptions {
  contentType?: string
  cacheControl?: string
  meta?: string[]
  create?: boolean
  available?: boolean
  checksum?: boolean
}

export function addPut(program: Command): void {
  program
    .command('put')
    .summary('upload a file')
    .description(
      'Uploads a file to the first writable backend. It replaces an object of that name unless --create or\n' +
        '--available is given.',
    )
    .argument('<file>', 'file to send; - for standard input')
    .argument(
      '[name]',
      "the object's name. If it ends in /, the file's name is appended. Default: the file's name",
    )
    .option('--content-type <type>', "default: by the name's extension", headerValue)
    .option('--cache-control <value>', 'stored with the object and sent to its readers', headerValue)
    .option('--meta <key=value>', 'metadata of your own; may be repeated', metaEntry)
    .option('--create', 'fail (exit code 3) if the name is taken')
    .option('--available', 'if the name is taken, choose another one and print it')
    .option('--checksum', 'hash the file first, so that the Worker can check the SHA-256 of what it receives')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage put harbour.jpg photos/
  fallback-storage put --checksum --cache-control 'max-age=31536000, immutable' film.mp4 video/film.mp4
  pg_dump app | gzip | fallback-storage put - --content-type application/gzip backups/app.sql.gz`,
    )
    .action(async (file: string, name: string | undefined, options: PutOptions, command: Command) => {
      await put(sessionOf(command), { file, name: nameFor(file, name), options })
    })
}

interface Upload {
  file: string
  name: string
  options: PutOptions
}

async function put(session: Session, { file, name, options }: Upload): Promise<void> {
  const { client, output } = session
  if (options.create && options.available)
    throw usageError('--create and --available exclude each other: leave one out')
  const size = file === '-' ? undefined : await sizeOf(file)
  const url = options.available ? `${session.url}-/api/save/${namePath(name)}` : client.mediaUrl(name)
  const headers = {
    ...session.headers,
    ...representation(name, options),
    ...(size !== undefined && { 'Content-Length': String(size) }),
    ...(options.create && { 'If-None-Match': '*' }),
    ...(options.checksum && { 'Repr-Digest': `sha-256=:${await sha256(file)}:` }),
  }
  const progress = createProgress({
    label: name,
    show: bytes,
    quiet: output.quiet || output.json,
    ...(size !== undefined && { total: size }),
  })
  const source = file === '-' ? process.stdin : createReadStream(file)
  const started = Date.now()
  let sent = 0
  const counted = counting(source, (length) => {
    sent += length
    progress.update(sent)
  })
  const method = options.available ? 'POST' : 'PUT'
  const { response, answer } = await upload(method, { url, headers }, counted).finally(() => progress.end())
  const { statusCode = 0 } = response
  if (statusCode < 200 || statusCode > 299) throw await refusal(url, response, answer)
  const stored = options.available ? (JSON.parse(answer) as { name: string }).name : name
  const { etag = null } = response.headers
  if (output.json) return output.record({ name: stored, size: sent, created: statusCode === 201, etag })
  if (options.available) output.line(stored)
  output.note(`${stored}: ${bytes(sent)} in ${took(started)}`)
}

function nameFor(file: string, name: string | undefined): string {
  if (name !== undefined && !(name.endsWith('/') && file !== '-')) return name
  if (file === '-') throw usageError('standard input has no name: give one')
  return (name ?? '') + basename(file)
}

function representation(
  name: string,
  { contentType, cacheControl, meta = [] }: PutOptions,
): Record<string, string> {
  return {
    'Content-Type': contentType ?? mime.getType(name) ?? 'application/octet-stream',
    ...(cacheControl !== undefined && { 'Cache-Control': cacheControl }),
    ...Object.fromEntries(
      meta.map((entry) => {
        const at = entry.indexOf('=')
        return [`x-amz-meta-${entry.slice(0, at)}`, metaValue(entry.slice(at + 1))]
      }),
    ),
  }
}

function metaEntry(value: string, before: string[] = []): string[] {
  if (!/^[\w.-]+=/.test(value)) throw new InvalidArgumentError('It must be key=value.')
  return collect(value, before)
}

/** Text that a header cannot carry is sent as an RFC 2047 encoded word, as S3 clients do. */
function metaValue(value: string): string {
  if (/^[ -~]*$/.test(value) && value === value.trim() && !value.includes('=?')) return value
  return `=?UTF-8?B?${Buffer.from(value).toString('base64')}?=`
}

function headerValue(value: string): string {
  if (!/^[ -~]+$/.test(value)) throw new InvalidArgumentError('It must be one line of ASCII.')
  return value
}

async function sizeOf(file: string): Promise<number> {
  const found = await stat(file).catch((error: unknown) => {
    throw usageError(error instanceof Error ? error.message : String(error))
  })
  if (!found.isFile()) throw usageError(`${file} is not a file`)
  return found.size
}

async function sha256(file: string): Promise<string> {
  if (file === '-') throw usageError('--checksum needs a file: standard input cannot be read twice')
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('base64')
}

function counting(source: Readable, onChunk: (length: number) => void): Readable {
  const counter = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      onChunk(chunk.length)
      done(null, chunk)
    },
  })
  pipeline(source, counter).catch((error: Error) => counter.destroy(error))
  return counter
}
