import { describe, expect, it } from 'vitest'
import { publicKeyOf } from '../../src/sources/certificate.ts'
import { claimsToBeFromSns, createSns, ForgedError } from '../../src/sources/sns.ts'
import { StorageError } from '../../src/storage/errors.ts'
import {
  CERTIFICATE,
  CERTIFICATE_URL,
  CONFIRMATION,
  fakeSns,
  GOODBYE,
  NOTIFICATION,
  signed,
} from './sns-signer.ts'

const MESSAGES = [NOTIFICATION, CONFIRMATION, GOODBYE]

describe('a message of SNS', () => {
  it.each(MESSAGES.flatMap((message) => [['1', message] as const, ['2', message] as const]))(
    'is accepted with a signature of version %s: $Type',
    async (version, message) => {
      const { verify } = createSns(fakeSns().fetch)
      expect(await verify(await signed(message, version))).toMatchObject({ Type: message.Type })
    },
  )

  it('is accepted without a subject', async () => {
    const { Subject: _, ...message } = NOTIFICATION
    const { verify } = createSns(fakeSns().fetch)
    expect(await verify(await signed(message))).toMatchObject({ TopicArn: NOTIFICATION.TopicArn })
  })

  it('is checked with a certificate that is fetched once', async () => {
    const { fetch, urls } = fakeSns()
    const { verify } = createSns(fetch)
    const message = await signed(NOTIFICATION, '2')
    await verify(message)
    await verify(message)
    expect(urls).toEqual([CERTIFICATE_URL])
  })

  it('cannot be checked while the certificate cannot be fetched, and is not taken for forged', async () => {
    let status = 503
    const { fetch } = fakeSns({
      [CERTIFICATE_URL]: () => new Response(status === 200 ? CERTIFICATE : '', { status }),
    })
    const { verify } = createSns(fetch)
    const message = await signed(NOTIFICATION)
    for (status of [503, 404, 302])
      await expect(verify(message)).rejects.toMatchObject({ code: 'unavailable' })
    const broken = createSns(() => Promise.reject(new Error('no route')))
    await expect(broken.verify(message)).rejects.toThrow(StorageError)
    status = 200
    expect(await verify(message)).toMatchObject({ Type: 'Notification' })
  })
})

describe('a forged message', () => {
  const fields = (message: object) => Object.keys(message) as (keyof typeof NOTIFICATION)[]

  it.each(
    MESSAGES.flatMap((message) =>
      fields(message)
        .filter((field) => !['UnsubscribeURL', 'SigningCertURL', 'SignatureVersion', 'Type'].includes(field))
        .map((field) => [message.Type, field, message] as const),
    ),
  )('is refused: %s with another %s', async (_, field, message) => {
    const { verify } = createSns(fakeSns().fetch)
    const good = await signed(message)
    await expect(verify({ ...good, [field]: `${good[field as 'Message']}x` })).rejects.toThrow(ForgedError)
    const { [field as 'Message']: __, ...without } = good
    await expect(verify(without)).rejects.toThrow(ForgedError)
  })

  it.each([
    ['the sample itself, whose signature is shortened', NOTIFICATION],
    ['with the signature of another version', { ...NOTIFICATION, SignatureVersion: '2' }],
    ['with an unknown version', { ...NOTIFICATION, SignatureVersion: '3' }],
    ['with a subject added', { ...NOTIFICATION, Subject: 'added' }],
    ['with another type', { ...NOTIFICATION, Type: 'UnsubscribeConfirmation' }],
  ])('is refused: %s', async (_, changes) => {
    const { verify } = createSns(fakeSns().fetch)
    const { Subject: __, ...message } = NOTIFICATION
    const good =
      changes === NOTIFICATION
        ? NOTIFICATION
        : { ...(await signed(message)), ...changes, Signature: (await signed(message)).Signature }
    await expect(verify(good)).rejects.toThrow(ForgedError)
  })

  it.each([
    'https://sns.us-west-2.amazonaws.com.evil.example/SimpleNotificationService-f.pem',
    'https://evil.example/SimpleNotificationService-f.pem',
    'https://sns.us-west-2.amazonaws.com@evil.example/SimpleNotificationService-f.pem',
    'https://evil.example#.sns.us-west-2.amazonaws.com/SimpleNotificationService-f.pem',
    'https://sns.us-west-2.amazonaws.com:8443/SimpleNotificationService-f.pem',
    'https://s3.us-west-2.amazonaws.com/SimpleNotificationService-f.pem',
    'https://snsx.us-west-2.amazonaws.com/SimpleNotificationService-f.pem',
    'https://sns.bucket.s3.amazonaws.com/SimpleNotificationService-f.pem',
    'http://sns.us-west-2.amazonaws.com/SimpleNotificationService-f.pem',
    'https://sns.us-west-2.amazonaws.com/?Action=ListTopics&x=SimpleNotificationService-f.pem',
    'https://sns.us-west-2.amazonaws.com/x/../evil.pem',
    'SimpleNotificationService-f.pem',
    '',
  ])('is refused without a request if its certificate is at %j', async (url) => {
    const { fetch, urls } = fakeSns()
    const message = await signed(NOTIFICATION)
    await expect(createSns(fetch).verify({ ...message, SigningCertURL: url })).rejects.toThrow(ForgedError)
    expect(urls).toEqual([])
  })
})

describe('a subscription', () => {
  it('is confirmed at the URL in its message', async () => {
    const { fetch, urls } = fakeSns()
    const sns = createSns(fetch)
    await sns.confirm(await sns.verify(await signed(CONFIRMATION)))
    expect(urls).toEqual([CERTIFICATE_URL, CONFIRMATION.SubscribeURL])
  })

  it.each([
    'https://evil.example/?Action=ConfirmSubscription&Token=1',
    'https://sns.us-west-2.amazonaws.com/?Action=DeleteTopic&TopicArn=x',
    'http://169.254.169.254/?Action=ConfirmSubscription&',
  ])('is not confirmed at %s, even if that is signed', async (SubscribeURL) => {
    const { fetch, urls } = fakeSns()
    const sns = createSns(fetch)
    const message = await sns.verify(await signed({ ...CONFIRMATION, SubscribeURL }))
    await expect(sns.confirm(message)).rejects.toThrow(ForgedError)
    expect(urls).toEqual([CERTIFICATE_URL])
  })
})

describe('what claims to be from SNS', () => {
  it.each(MESSAGES)('is $Type, signed or not', (message) => {
    expect(claimsToBeFromSns(message)).toBe(true)
    expect(claimsToBeFromSns({ Type: message.Type, TopicArn: '' })).toBe(true)
  })

  it('is no other message', () => {
    expect(claimsToBeFromSns({ Records: [] })).toBe(false)
    expect(claimsToBeFromSns({ Type: 'Other', TopicArn: 'x' })).toBe(false)
  })
})

describe('a certificate', () => {
  it('has a public key that checks what its private key has signed', async () => {
    const key = publicKeyOf(CERTIFICATE)
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
    await expect(crypto.subtle.importKey('spki', key, algorithm, false, ['verify'])).resolves.toBeTruthy()
  })

  it('has none if it is cut off or something else', () => {
    const base64 = CERTIFICATE.split('\n').slice(1, -2).join('')
    const pem = (bytes: Uint8Array) =>
      `-----BEGIN CERTIFICATE-----\n${bytes.toBase64()}\n-----END CERTIFICATE-----`
    const bytes = Uint8Array.fromBase64(base64)
    for (const length of [0, 1, 5, 100, 300, bytes.length - 1])
      expect(() => publicKeyOf(pem(bytes.slice(0, length))), `${length}`).toThrow('certificate')
    expect(() => publicKeyOf('<html>')).toThrow('certificate')
  })
})
