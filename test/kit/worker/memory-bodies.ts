import { createHash, randomBytes } from 'node:crypto'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from '../origin/spoil.ts'
import { TOKEN } from './site.ts'

const MIB = 1024 * 1024
const NOISE = randomBytes(MIB)

/** Bytes that differ between bodies and MiBs, generated while they are read, so that hundreds of MB need not be in memory. */
export function* bodyOf(seed: number, size: number): Generator<Buffer, void, undefined> {
  for (let offset = 0; offset < size; offset += MIB) {
    const block = Buffer.from(NOISE.subarray(0, Math.min(MIB, size - offset)))
    if (block.length >= 8) {
      block.writeUInt32BE(seed, 0)
      block.writeUInt32BE(offset / MIB, 4)
    }
    yield block
  }
}

export function hashOf(seed: number, size: number): string {
  const hash = createHash('sha256')
  for (const block of bodyOf(seed, size)) hash.update(block)
  return hash.digest('hex')
}

/** An origin that sends no length. */
export function ofUnknownLength(seed: number, size: number): Fault {
  return ({ request, response }) => {
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', ETag: `"seed-${seed}"` })
    if (request.method === 'HEAD') return void response.end()
    void writeAll(response, bodyOf(seed, size))
  }
}

/** The reader may leave early; that is not an error here. */
async function writeAll(writable: NodeJS.WritableStream, blocks: Iterable<Buffer>): Promise<void> {
  await Promise.allSettled([pipeline(Readable.from(blocks), writable)])
}

export interface Upload {
  status: number
  retryAfter: string | undefined
  /** The object's name, from the response. */
  name: string | undefined
}

/** Saves a body on its own connection, with Content-Length or chunked. */
export async function saveBody(
  site: { url: string },
  name: string,
  { seed, size, chunked }: { seed: number; size: number; chunked: boolean },
): Promise<Upload> {
  const request = httpRequest(new URL(`/-/api/save/${name}`, site.url), {
    method: 'POST',
    agent: false,
    headers: {
      Authorization: `Bearer ${TOKEN}`,
      ...(chunked ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': size }),
    },
  })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve)
    // After an early refusal, the rest of the body cannot be sent: only the response counts.
    request.on('error', (error) => void sleep(1000).then(() => reject(error)))
  })
  void writeAll(request, bodyOf(seed, size))
  const answer = await answered
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  request.destroy()
  const retryAfter = answer.headers['retry-after']
  const { name: stored } = JSON.parse(text) as { name?: string }
  return { status: answer.statusCode ?? 0, retryAfter, name: stored }
}

/** Reads this many bytes per second; returns the SHA-256 of all of them. */
export async function slowly(client: IncomingMessage, bytesPerSecond: number): Promise<string> {
  const hash = createHash('sha256')
  const started = Date.now()
  let taken = 0
  for await (const chunk of client as AsyncIterable<Buffer>) {
    hash.update(chunk)
    taken += chunk.length
    const due = started + (taken / bytesPerSecond) * 1000
    if (due > Date.now()) await sleep(due - Date.now())
  }
  return hash.digest('hex')
}

/** The SHA-256 of a response's body. */
export async function hashOfAnswer(response: Response): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of response.body ?? []) hash.update(chunk)
  return hash.digest('hex')
}

const UPLOADS = 20
const [LEAST, MOST] = [8 * MIB, 30 * MIB]

/** Files of 8 to 30 MiB, saved all at once, as the dashboard does. */
export function uploadFiles(site: { url: string }, { chunked }: { chunked: boolean }): Promise<Upload[]> {
  const saves = Array.from({ length: UPLOADS }, (_, index) => {
    const size = Math.round(LEAST + ((MOST - LEAST) * index) / (UPLOADS - 1))
    return saveBody(site, `file-${chunked}-${index}.bin`, { seed: 4000 + index, size, chunked })
  })
  return Promise.all(saves)
}
