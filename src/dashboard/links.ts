import { ApiError } from '../client/client.ts'
import { client } from './session.ts'

/** What the API answers where media are public and no backend can make a URL: the object's own address works. */
const NO_URL = [501, 502, 504]

/** Where anybody can read the object: its own address, signed where reads need a signature. */
export async function linkTo(name: string): Promise<string> {
  try {
    const url = await client.url(name)
    if (isSigned(url)) return url
  } catch (error) {
    if (!(error instanceof ApiError && NO_URL.includes(error.status))) throw error
  }
  return client.mediaUrl(name)
}

/** Whether the Worker has signed it. Backends' own presigned URLs have other parameters. */
export function isSigned(url: string): boolean {
  return new URL(url).searchParams.has('signature')
}
