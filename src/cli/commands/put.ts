import { createHash } from 'node:crypto'
import { createReadStream, type Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { messageOf, usageError } from '../errors.ts'
import { bytes, took } from '../output.ts'
import { createProgress } from '../progress.ts'
import type { Session, WithSession } from '../session.ts'
import { sendFrom, typeOfName } from '../upload.ts'

interface PutOptions {
  contentType?: string
  cacheControl?: string
  meta?: Record<string, string>
  create?: boolean
  available?: boolean
  checksum?: boolean
}

export function addPut(program: Command, withSession: WithSession): void {
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
    .option('--meta <key=value>', 'metadata of your own; may be repeated', metaHeader)
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
    .action(withSession(put))
}

async function put(
  { client, output, io }: Session,
  file: string,
  wanted: string | undefined,
  options: PutOptions,
): Promise<void> {
  const name = nameFor(file, wanted)
  if (options.create && options.available)
    throw usageError('--create and --available exclude each other: leave one out')
  // Refuses names that cannot be sent before any file is read.
  client.mediaUrl(name)
  const found = file === '-' ? undefined : await statOf(file)
  const size = found?.size
  const headers = {
    'Content-Type': options.contentType ?? typeOfName(name),
    ...(options.cacheControl !== undefined && { 'Cache-Control': options.cacheControl }),
    ...options.meta,
    ...(size !== undefined && { 'Content-Length': String(size) }),
    ...(options.create && { 'If-None-Match': '*' }),
    ...(options.checksum && { 'Repr-Digest': `sha-256=:${await sha256(file)}:` }),
  }
  const progress = createProgress({ label: name, total: size, show: bytes }, output)
  const source = file === '-' ? io.stdin : createReadStream(file)
  const started = Date.now()
  let sent = 0
  const onSent = (count: number) => progress.update({ value: (sent += count) })
  try {
    const before = found && { path: file, size: found.size, modified: found.mtime }
    const stored = await sendFrom({ client, name, source, file: before, onSent }, async (body) =>
      options.available
        ? { name: await client.save(name, body, { headers }), created: true, etag: null }
        : { name, ...(await client.put(name, body, { headers })) },
    )
    progress.end()
    const { name: chosen, created, etag } = stored
    if (output.json) return output.record({ name: chosen, size: sent, created, etag })
    if (options.available) output.print(chosen)
    output.note(`${chosen}: ${bytes(sent)} in ${took(started)}`)
  } finally {
    progress.end()
  }
}

function nameFor(file: string, name: string | undefined): string {
  if (name !== undefined && !(name.endsWith('/') && file !== '-')) return name
  if (file === '-') throw usageError('standard input has no name: give one')
  return (name ?? '') + basename(file)
}

/** The headers of all --meta options. */
function metaHeader(entry: string, before: Record<string, string> = {}): Record<string, string> {
  const [, key, value = ''] = /^([\w.-]+)=(.*)$/s.exec(entry) ?? []
  if (key === undefined) throw new InvalidArgumentError('It must be key=value.')
  return { ...before, [`x-amz-meta-${key}`]: metaValue(value) }
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

async function statOf(file: string): Promise<Stats> {
  const found = await stat(file).catch((error: unknown) => {
    throw usageError(messageOf(error))
  })
  if (!found.isFile()) throw usageError(`${file} is not a file`)
  return found
}

async function sha256(file: string): Promise<string> {
  if (file === '-') throw usageError('--checksum needs a file: standard input cannot be read twice')
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('base64')
}
