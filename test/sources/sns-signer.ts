import { S3_RECORD } from './samples.ts'

/** A certificate of ours, made by `openssl req -x509 -newkey rsa:2048 -nodes -days 36500 -subj /CN=sns.amazonaws.com`. */
export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIDGzCCAgOgAwIBAgIUHQSQ3KsKiyrviecbkx0p1igDe0kwDQYJKoZIhvcNAQEL
BQAwHDEaMBgGA1UEAwwRc25zLmFtYXpvbmF3cy5jb20wIBcNMjYxMTI4MjIyNTI1
WhgPMjEyNjExMDQyMjI1MjVaMBwxGjAYBgNVBAMMEXNucy5hbWF6b25hd3MuY29t
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxbHdv8f/4/5jZiIclTtT
Z2CrOj5gP7ETwZJ9aAI2pVh4ClQVFriKceWQMtiXCzurIDaIESu2XLyzTmq/Qrjc
HCDj7jvG8HgtesU2SDxqG2nL+RXl2ULxpQdOMn7KQyi5meZQqgASCeMpynwZ4UBV
A4e1Mh0C+eYOLiCMm2pUXC9g/su1EPWqbUCK2Xkiez56qX6PwHVHVSD2y1wMDqxH
noc8IQ4LhuehoOf5AP7UwPFsgKXbgu9TIVL8HXPNNfLA/IEYvKLQIUgDoHCKOyBx
X+EwgLCYX84wBB23wWSLhrAVKgMORwPTQKYVNFbZbZcoeoC+UdngONdX0Fgd0v9P
owIDAQABo1MwUTAdBgNVHQ4EFgQUJ+gBIEHjAU2mNn1c4KIvD8Df/hwwHwYDVR0j
BBgwFoAUJ+gBIEHjAU2mNn1c4KIvD8Df/hwwDwYDVR0TAQH/BAUwAwEB/zANBgkq
hkiG9w0BAQsFAAOCAQEAGt8shbTYbcrpp2RPtnJLkueSuiE6KiaWPFZi0xvTop86
UsvR+tUjg0Sy6A8677Hpj6jqoSsrND92ShgNL8yekBnfyB+AqffD971U6lzxCg67
LKapxmNGIf1D1YmIw8ZU/+zcgII3K3uemJWuPIFlCJfDVtxutQUd62tNhPfgq0LA
/CVioqWF7gkHSeAj9zmS1qINm5t1+NywCD+zlQuKpAvtiwumFljUmv545EnZt144
ykceB9qVSQboRuuoEZUq2MhdwiAHdxbDlanWgiGPIZllVf+0tUMVDXTISmvYn87f
BWWky7yTyDVhBvTj5BN0X9fFtdtYSC6xe5cKFGgMaQ==
-----END CERTIFICATE-----
`

/** Its private key (PKCS #8), which signs nothing but the messages of these tests. */
const KEY =
  'MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDFsd2/x//j/mNmIhyVO1NnYKs6PmA/sRPBkn1oAjalWHgKVBUWuIpx5ZAy2JcLO6sgNogRK7ZcvLNOar9CuNwcIOPuO8bweC16xTZIPGobacv5FeXZQvGlB04yfspDKLmZ5lCqABIJ4ynKfBnhQFUDh7UyHQL55g4uIIybalRcL2D+y7UQ9aptQIrZeSJ7Pnqpfo/AdUdVIPbLXAwOrEeehzwhDguG56Gg5/kA/tTA8WyApduC71MhUvwdc8018sD8gRi8otAhSAOgcIo7IHFf4TCAsJhfzjAEHbfBZIuGsBUqAw5HA9NAphU0Vtltlyh6gL5R2eA411fQWB3S/0+jAgMBAAECggEAWbK/ud39cU2BfRw6Gs3NpGicmDMoCY4HODuGsfPbJn9zC8ClxubZTh9KI3/ZXIvos5d6ekv6lK47rvdJK3VjzVFxCa1OsNneTMeBPxpGTITeuvggD0lMCcQ8SzXzALDQMY9qBxA8HwdWdVyEg4rkZ9MhuAioyokC4xP6qCOA/kfmxnDMQH/rDX41ZMBv2ybF+EH0H7PTasL5478N1I4EcCFcQTCFXDzNrFtHFAzS59ShptLVbXaJJxGGLVKHvAMwyoMaFhXeT4Sgafij0YnVM0mUBmWRkZLnb0sFmOoo2WHFsJCVHqvmm0a49X427jStJizGUiyWuXgbtb52aSbHtQKBgQDmad8tvGVksfH0f8CxDF0fBN3IjvsLWoispub29fPMEJl8+FY6/Lue4RVSMhtvo7hqTM9Jlugr8M0O4TMijV3ktacL518So+8UsK1iFW/qSRtmKq2q7ZWg25Q1QiJRmMUgx3MPguosfZ83CptEr3oHX/rbykivZgWtvvOPwEhtBQKBgQDbpd/5hmamjDDQMAtsHKKYeKyambJxZxtMpVIncSFVqNn9UCIPj7pPLkVtHEt1o2SebRXeBVJ7oMgjY4fMyzVfbrWKs+viQaFEzMqITnuuoDd6G1EwqncfWk/ULGoB3rViDiEcZHxfA+UEwaH0zzt6ZmAWB8xYfXW4be6YGy8qhwKBgCyNTBoL048k2SPtj9SsD1VwG3IsM15+ou6/VulppTpP+12upv3A4IZX/0dlaOitP3tOXsZb54iXhw7ZfImxy/XtKd+jXT69c/0MLHpKqtkiSan3lpz2U3hG/OFPaFNetr8f0Z+uMJlpsN9zrZIaW/4REPBurJ89mtt9kJq7E0YBAoGBAM8DQ9fB4ydfA3aDgZBwYJJBUbQX3YVh/um6+nXv+tHn5SQIjUGLXbXYz1gpjbkeuOtTtoNdEsMv4tDvsoLCltgN2I4USuIgpuTX+p6DEbCgkgjEjD3Iu6LSFGDNR0/h3aO/21cOIeXPHt7fvEulsNIIgNDioqZYAEZFXdT/8fErAoGBAJPTgRu9z7xPMsPnkVillfSBHxbI5hL+7uy8BhRO3WAH6Zvhu8DNLqfjFeAGI7XiwAi+LcmLkSv6LCKluEWpudPaksgje1qVvM5V7Zw9QEGneClA+cOYSRNerSV/Q7wY2JUlYZrSj7HHBT/8G2ioz+xcc11p3cNA7+88EAy+A9aW'

export const CERTIFICATE_URL =
  'https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem'

/** The sample of https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html, about an event of S3. */
export const NOTIFICATION = {
  Type: 'Notification',
  MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
  TopicArn: 'arn:aws:sns:us-west-2:123456789012:MyTopic',
  Subject: 'Amazon S3 Notification',
  Message: JSON.stringify({ Records: [S3_RECORD] }),
  Timestamp: '2012-05-02T00:54:06.655Z',
  SignatureVersion: '1',
  Signature: 'EXAMPLEw6JRN…',
  SigningCertURL: CERTIFICATE_URL,
  UnsubscribeURL:
    'https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:us-west-2:123456789012:MyTopic:c9135db0-26c4-47ec-8998-413945fb5a96',
}

/** The sample of https://docs.aws.amazon.com/sns/latest/dg/http-subscription-confirmation-json.html. */
export const CONFIRMATION = {
  Type: 'SubscriptionConfirmation',
  MessageId: '165545c9-2a5c-472c-8df2-7ff2be2b3b1b',
  Token: '2336412f37f',
  TopicArn: 'arn:aws:sns:us-west-2:123456789012:MyTopic',
  Message:
    'You have chosen to subscribe to the topic arn:aws:sns:us-west-2:123456789012:MyTopic.\nTo confirm the subscription, visit the SubscribeURL included in this message.',
  SubscribeURL:
    'https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:us-west-2:123456789012:MyTopic&Token=2336412f37f',
  Timestamp: '2012-04-26T20:45:04.751Z',
  SignatureVersion: '1',
  Signature: 'EXAMPLEpH+…',
  SigningCertURL: CERTIFICATE_URL,
}

/** The sample of https://docs.aws.amazon.com/sns/latest/dg/http-unsubscribe-confirmation-json.html. */
export const GOODBYE = {
  ...CONFIRMATION,
  Type: 'UnsubscribeConfirmation',
  MessageId: '47138184-6831-46b8-8f7c-afc488602d7d',
  Message:
    'You have chosen to deactivate subscription arn:aws:sns:us-west-2:123456789012:MyTopic:2bcfbf39-05c3-41de-beaa-fcfcc21c8f55.\nTo cancel this operation and restore the subscription, visit the SubscribeURL included in this message.',
  Timestamp: '2012-04-26T20:06:41.581Z',
}

type Message = Record<string, string>

/** The text as the documentation says to write it. */
function textOf(message: Message): string {
  const keys =
    message['Type'] === 'Notification'
      ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
      : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']
  return keys.map((key) => (key in message ? `${key}\n${message[key]}\n` : '')).join('')
}

/** The message, signed with that key. */
export async function signed<Signed extends Message>(
  message: Signed,
  version: '1' | '2' = '1',
): Promise<Signed> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: version === '1' ? 'SHA-1' : 'SHA-256' }
  const bytes = Uint8Array.fromBase64(KEY)
  const key = await crypto.subtle.importKey('pkcs8', bytes, algorithm, false, ['sign'])
  const signature = await crypto.subtle.sign(algorithm.name, key, new TextEncoder().encode(textOf(message)))
  return { ...message, SignatureVersion: version, Signature: new Uint8Array(signature).toBase64() }
}

/** What SNS itself answers, and which URLs it was asked for. */
export function fakeSns(answers: Record<string, () => Response> = {}) {
  const urls: string[] = []
  const fetch = async (url: string): Promise<Response> => {
    urls.push(url)
    const answer = answers[url]
    if (answer) return answer()
    return new Response(url === CERTIFICATE_URL ? CERTIFICATE : '<ConfirmSubscriptionResponse/>')
  }
  return { fetch, urls }
}
