import { createReadStream } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError, type Client } from '../../client/client.ts'
import { waitAfter } from '../retries.ts'
import { sendFrom, typeOfName } from '../upload.ts'
import { isEqual } from './is-equal.ts'
import type { LocalFile } from './local-files.ts'
import { changedThere, headStored } from './stored-objects.ts'

interface UploadFile {
  client: Client
  name: string
  path: string
  file: LocalFile
  /** Under which the object may be replaced or created. */
  condition: Record<string, string>
  onBytes: (size: number) => void
}

/** Uploads a file; starts over if the connection or a backend fails. */
export async function uploadFile({
  client,
  name,
  path,
  file,
  condition,
  onBytes,
}: UploadFile): Promise<void> {
  const headers = { 'Content-Type': typeOfName(name), 'Content-Length': String(file.size), ...condition }
  for (let attempt = 0; ; attempt += 1) {
    try {
      const source = createReadStream(path)
      const upload = { client, name, source, file: { path, ...file }, onSent: onBytes }
      await sendFrom(upload, (body) => client.put(name, body, { headers }))
      return
    } catch (error) {
      if (error instanceof ApiError && error.status === 412) {
        // An earlier attempt may have succeeded without an answer.
        const stored = attempt > 0 ? await headStored(client, name) : undefined
        if (stored && (await isEqual({ path, file, stored, direction: 'upload' }))) return
        throw changedThere(error)
      }
      const wait = waitAfter(attempt, error, { isStream: true })
      if (wait === undefined) throw error
      await sleep(wait)
    }
  }
}
