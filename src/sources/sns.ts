import * as v from 'valibot'
import { StorageError } from '../storage/errors.ts'
import { publicKeyOf } from './certificate.ts'

type Bytes = Uint8Array<ArrayBuffer>

/** What SNS posts to a subscriber without raw delivery (docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html). */
const snsMessage = v.object({
  Type: v.picklist(['Notification', 'SubscriptionConfirmation', 'UnsubscribeConfirmation']),
  MessageId: v.string(),
  TopicArn: v.string(),
  Subject: v.optional(v.nullable(v.string())),
  Message: v.string(),
  Timestamp: v.string(),
  Token: v.optional(v.string()),
  SubscribeURL: v.optional(v.string()),
  SignatureVersion: v.picklist(['1', '2']),
  Signature: v.string(),
  SigningCertURL: v.string(),
})
export type SnsMessage = v.InferOutput<typeof snsMessage>

/**
 * The fields that are signed, in this order, those that a message has (docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html):
 * of a notification the subject, of others the URL and the token.
 */
const SIGNED = [
  'Message',
  'MessageId',
  'Subject',
  'SubscribeURL',
  'Timestamp',
  'Token',
  'TopicArn',
  'Type',
] as const

const HASHES = { 1: 'SHA-1', 2: 'SHA-256' } as const
const ORIGIN = /^https:\/\/sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?\//
/** Nothing else on that host is a certificate: its API repeats what callers have sent. */
const CERTIFICATE_URL = new RegExp(`${ORIGIN.source}SimpleNotificationService-[\\w-]+\\.pem$`)
const SUBSCRIBE_URL = new RegExp(`${ORIGIN.source}\\?Action=ConfirmSubscription&`)
const TIMEOUT_MS = 5000
/** SNS changes its certificates a few times a year; each region has its own. */
const MAX_KEPT = 16

type Fetch = (url: string, init?: RequestInit) => Promise<Response>

/** A message that claims to be from SNS and is not signed by it. */
export class ForgedError extends Error {}

/** Whether SNS has wrapped it, or someone claims that. */
export function claimsToBeFromSns(message: unknown): boolean {
  return v.is(v.object({ Type: snsMessage.entries.Type, TopicArn: v.string() }), message)
}

export type Sns = ReturnType<typeof createSns>

/** Checks messages of SNS, and confirms subscriptions. Public keys are kept as long as the isolate lives. */
export function createSns(fetch: Fetch) {
  const keys = new Map<string, Bytes>()

  /** Follows no redirect. */
  const get = async (url: string): Promise<Response> => {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const response = await fetch(url, { redirect: 'manual', signal }).catch((cause: unknown) => {
      throw new StorageError('unavailable', 'SNS cannot be reached', { cause })
    })
    if (response.status === 200) return response
    await response.body?.cancel()
    throw new StorageError('unavailable', `SNS answered with the status ${response.status}`)
  }
  const keyAt = async (url: string): Promise<Bytes> => {
    const key = keys.get(url) ?? publicKeyOf(await (await get(url)).text())
    if (keys.size >= MAX_KEPT) keys.clear()
    keys.set(url, key)
    return key
  }

  return {
    /** Throws `ForgedError` unless SNS has signed it, and `unavailable` if its certificate cannot be fetched. */
    async verify(claimed: unknown): Promise<SnsMessage> {
      const parsed = v.safeParse(snsMessage, claimed)
      if (!parsed.success) throw new ForgedError('fields of the message are missing')
      const message = parsed.output
      const signature = decode(message.Signature)
      if (!CERTIFICATE_URL.test(message.SigningCertURL))
        throw new ForgedError('SigningCertURL is not the URL of a certificate of SNS')
      const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: HASHES[message.SignatureVersion] }
      const spki = await keyAt(message.SigningCertURL)
      const key = await crypto.subtle.importKey('spki', spki, algorithm, false, ['verify'])
      const isSigned = await crypto.subtle.verify(algorithm.name, key, signature, signedTextOf(message))
      if (!isSigned) throw new ForgedError('the signature is wrong')
      return message
    },

    /** Confirms a subscription by the URL in its message, which must have been verified. */
    async confirm({ SubscribeURL: url = '' }: SnsMessage): Promise<void> {
      if (!SUBSCRIBE_URL.test(url)) throw new ForgedError('SubscribeURL is not a URL of SNS')
      const { body } = await get(url)
      await body?.cancel()
    },
  }
}

function signedTextOf(message: SnsMessage): Bytes {
  const lines = SIGNED.flatMap((field) => {
    const value = message[field]
    return value === undefined || value === null ? [] : [`${field}\n${value}\n`]
  })
  return new TextEncoder().encode(lines.join('')) as Bytes
}

function decode(base64: string): Bytes {
  try {
    return Uint8Array.fromBase64(base64)
  } catch {
    throw new ForgedError('the signature is not base64')
  }
}
