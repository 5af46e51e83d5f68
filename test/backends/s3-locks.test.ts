import { describe, expect, it } from 'vitest'
import { startUpload } from '../kit/uploads.ts'
import { scripted } from '../kit/s3-script.ts'

const bytes = new Uint8Array(3)
const answer = (status: number, code: string, message: string) =>
  new Response(`<Error><Code>${code}</Code><Message>${message}</Message></Error>`, { status })

const LOCKED: [string, number, string, string][] = [
  ['R2', 409, 'ObjectLockedByBucketPolicy', 'The object is locked by the bucket policy.'],
  ['R2, as it is documented', 403, 'ObjectLockedByBucketPolicy', ''],
  ['AWS', 403, 'AccessDenied', 'Access Denied because object protected by object lock.'],
  ['Ceph', 403, 'AccessDenied', 'forbidden by object lock'],
  ['MinIO', 400, 'InvalidRequest', 'Object is WORM protected and cannot be overwritten'],
  ['Google, retention', 403, 'RetentionPolicyNotMet', "Object 'b/a' is subject to bucket's retention policy"],
  ['Google, hold', 403, 'ObjectUnderActiveHold', "Object 'b/a' is under active Temporary hold"],
  ['Alibaba', 409, 'FileImmutable', 'The object you specified is immutable.'],
]

describe.each(LOCKED)('a lock of %s', (_, status, code, message) => {
  const refusal = () => answer(status, code, message)

  it('is neither refused credentials nor a failure of the server', async () => {
    const { backend, sent } = scripted([refusal(), refusal()])
    const locked = {
      code: 'locked',
      backend: 'legacy',
      message: expect.stringContaining(`${status} ${code}`),
    }
    await expect(backend.delete('a')).rejects.toMatchObject(locked)
    await expect(backend.put('a', bytes)).rejects.toMatchObject(locked)
    expect(sent.map(({ method }) => method)).toEqual(['DELETE', 'PUT'])
  })

  it('refuses to complete an upload, even in the body of a 200', async () => {
    const id = '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>'
    for (const refused of [refusal(), answer(200, code, message)]) {
      const part = new Response(null, { headers: { ETag: '"p1"' } })
      const { backend } = scripted([new Response(id), part, refused])
      const upload = await startUpload(backend, 'a')
      await upload.uploadPart(1, bytes, 3)
      await expect(upload.complete()).rejects.toMatchObject({ code: 'locked' })
    }
  })
})

it.each([
  [403, 'AccessDenied', 'Access Denied', 'denied'],
  [403, 'AccessDenied', '', 'denied'],
  [400, 'InvalidRequest', 'Missing required header', 'unavailable'],
  [409, 'OperationAborted', 'A conflicting operation is in progress', 'too-many-writes'],
])('%d %s (%s) is no lock, but %s', async (status, code, message, expected) => {
  const { backend } = scripted([answer(status, code, message)])
  await expect(backend.delete('a')).rejects.toMatchObject({ code: expected })
})
