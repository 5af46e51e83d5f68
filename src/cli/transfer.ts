import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { text } from 'node:stream/consumers'
import { type ApiError, toApiError } from '../client/client.ts'

/*
 * Bodies go over node:http: fetch hides how much of an upload was sent, and decodes downloads, whose bytes
 * then are not the ones that a range counts.
 */

const SILENCE_MS = 60_000
/** A long upload is answered when all of it is stored. */
const STORING_MS = 300_000

export interface BodyRequest {
  url: string
  headers: Record<string, string>
}

/** The response to a GET; its body is to be read or destroyed. */
export async function download({ url, headers }: BodyRequest): Promise<IncomingMessage> {
  const request = requestOf(url)(url, { headers })
  request.setTimeout(SILENCE_MS, () => request.destroy(silence()))
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response
}

/** Sends the body and gives back the answer, whole. */
export async function upload(
  method: 'PUT' | 'POST',
  { url, headers }: BodyRequest,
  body: Readable,
): Promise<{ response: IncomingMessage; told: string }> {
  const request = requestOf(url)(url, { method, headers })
  request.setTimeout(STORING_MS, () => request.destroy(silence()))
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    // A refusal comes before all is sent, and then nobody reads the rest.
    request.once('response', resolve)
    pipeline(body, request).catch(reject)
  })
  const told = await text(response)
  if (!body.readableEnded) {
    request.destroy()
    body.destroy()
  }
  return { response, told }
}

/** What an answer other than a success says. */
export async function refusal(url: string, response: IncomingMessage, told?: string): Promise<ApiError> {
  const { statusCode: status = 0, headers } = response
  const contentType = headers['content-type'] ?? null
  return toApiError({ status, contentType, text: told ?? (await text(response)), url })
}

function requestOf(url: string): typeof httpRequest {
  return url.startsWith('https:') ? httpsRequest : httpRequest
}

function silence(): Error {
  return Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })
}
