import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import mime from 'mime'
import type { Client } from '../client/client.ts'
import { CommandError, EXIT, isRefusal, networkReason } from './errors.ts'

interface Upload {
  client: Client
  name: string
  source: Readable
  /** The file that the source reads, as it was before; its size was announced. */
  file?: { path: string; size: number; modified: Date } | undefined
  /** Gets the size of each chunk. */
  onSent: (size: number) => void
}

/** Sends a stream as the body of an upload, and reports what really went wrong if it fails. */
export async function sendFrom<Answer>(
  { client, name, source, file, onSent }: Upload,
  send: (body: ReadableStream) => Promise<Answer>,
): Promise<Answer> {
  let sent = 0
  let changed: CommandError | undefined
  async function* counted() {
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      sent += chunk.length
      if (file && sent > file.size) throw (changed = changedMeanwhile(file.path))
      onSent(chunk.length)
      yield chunk
    }
    if (file && sent < file.size) throw (changed = changedMeanwhile(file.path))
  }
  try {
    // The same stream at run time; Node and fetch declare it as two types.
    const answer = await send(Readable.toWeb(Readable.from(counted())) as ReadableStream)
    const now = file && (await stat(file.path))
    // What was stored may be a mixture of both.
    if (now && (now.size !== file.size || now.mtime.getTime() !== file.modified.getTime()))
      throw changedMeanwhile(file.path)
    return answer
  } catch (error) {
    // If the file cannot be read to its end, fetch fails because of that.
    if (changed ?? source.errored) throw changed ?? source.errored
    // A Worker that refuses an upload closes the connection, and its answer may be lost.
    if (networkReason(error) !== undefined) await checkToken(client, name)
    throw error
  } finally {
    source.destroy()
  }
}

function changedMeanwhile(path: string): CommandError {
  return new CommandError(EXIT.failed, `${path} was changed while it was uploaded: run the command again`)
}

/** Throws if the token is refused. */
async function checkToken(client: Client, name: string): Promise<void> {
  await client.path(name).catch((error: unknown) => {
    if (isRefusal(error)) throw error
  })
}

/** The media type that a name's extension says. */
export function typeOfName(name: string): string {
  return mime.getType(name) ?? 'application/octet-stream'
}
