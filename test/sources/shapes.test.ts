import { describe, expect, it } from 'vitest'
import { acceptEvents } from '../../src/sources/accept.ts'
import { readEvents } from '../../src/sources/shapes.ts'
import { memoryBackend } from '../kit/memory.ts'
import { S3_RECORD, s3Records } from './samples.ts'

/** Each is the sender's own sample, at the URL, unless it says what was recorded. */
const SAMPLES: [string, unknown, unknown[]][] = [
  [
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    'S3',
    { Records: [S3_RECORD] },
    [{ key: 'HappyFace.jpg', bucket: 'amzn-s3-demo-bucket', at: 0 }],
  ],
  [
    // The same page: keys are encoded as in forms, "red flower.jpg" becomes "red+flower.jpg".
    'S3, of a key with a space',
    s3Records('ObjectCreated:Put', 'red+flower%2B50%25.jpg'),
    [{ key: 'red flower+50%.jpg', bucket: 'amzn-s3-demo-bucket', at: 0 }],
  ],
  [
    'S3, of a lifecycle rule',
    s3Records('LifecycleExpiration:DeleteMarkerCreated', 'a.jpg'),
    [{ key: 'a.jpg', bucket: 'amzn-s3-demo-bucket', at: 0 }],
  ],
  ['S3, of tags', s3Records('ObjectTagging:Put', 'a.jpg'), [null]],
  ['S3, of a restored archive', s3Records('ObjectRestore:Completed', 'a.jpg'), [null]],
  ['S3, of a key that is not encoded', s3Records('ObjectCreated:Put', '50%.jpg'), [null]],
  [
    // The same page.
    'S3, as a test',
    {
      Service: 'Amazon S3',
      Event: 's3:TestEvent',
      Time: '2014-10-13T15:57:02.089Z',
      Bucket: 'amzn-s3-demo-bucket',
      RequestId: '5582815E1AEA5ADF',
      HostId: '8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE',
    },
    [null],
  ],
  [
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    'EventBridge, created',
    {
      version: '0',
      id: '17793124-05d4-b198-2fde-7ededc63b103',
      'detail-type': 'Object Created',
      source: 'aws.s3',
      account: '111122223333',
      time: '2021-11-12T00:00:00Z',
      region: 'ca-central-1',
      resources: ['arn:aws:s3:::amzn-s3-demo-bucket1'],
      detail: {
        version: '0',
        bucket: { name: 'amzn-s3-demo-bucket1' },
        object: {
          key: 'example-key',
          size: 5,
          etag: 'b1946ac92492d2347c6235b4d2611184',
          'version-id': 'IYV3p45BT0ac8hjHg1houSdS1a.Mro8e',
          sequencer: '617f08299329d189',
        },
        'request-id': 'N4N7GDK58NMKJ12R',
        requester: '123456789012',
        'source-ip-address': '1.2.3.4',
        reason: 'PutObject',
      },
    },
    [{ key: 'example-key', bucket: 'amzn-s3-demo-bucket1', at: Date.UTC(2021, 10, 12) }],
  ],
  [
    // The same page; its keys are not encoded.
    'EventBridge, deleted',
    {
      version: '0',
      id: '2ee9cc15-d022-99ea-1fb8-1b1bac4850f9',
      'detail-type': 'Object Deleted',
      source: 'aws.s3',
      account: '111122223333',
      time: '2021-11-12T00:00:00Z',
      region: 'ca-central-1',
      resources: ['arn:aws:s3:::amzn-s3-demo-bucket1'],
      detail: {
        version: '0',
        bucket: { name: 'amzn-s3-demo-bucket1' },
        object: {
          key: 'a b+c%20.jpg',
          etag: 'd41d8cd98f00b204e9800998ecf8427e',
          'version-id': '1QW9g1Z99LUNbvaaYVpW9xDlOLU.qxgF',
          sequencer: '617f0837b476e463',
        },
        'request-id': '0BH729840619AG5K',
        requester: '123456789012',
        'source-ip-address': '1.2.3.4',
        reason: 'DeleteObject',
        'deletion-type': 'Delete Marker Created',
      },
    },
    [{ key: 'a b+c%20.jpg', bucket: 'amzn-s3-demo-bucket1', at: Date.UTC(2021, 10, 12) }],
  ],
  [
    'EventBridge, of tags',
    {
      'detail-type': 'Object Tags Added',
      time: '2021-11-12T00:00:00Z',
      detail: { bucket: { name: 'b' }, object: { key: 'a' } },
    },
    [null],
  ],
  [
    // https://developers.cloudflare.com/r2/buckets/event-notifications/
    'R2',
    {
      account: '3f4b7e3dcab231cbfdaa90a6a28bd548',
      action: 'CopyObject',
      bucket: 'my-bucket',
      object: { key: 'my-new-object', size: 65_536, eTag: 'c846ff7a18f28c2e262116d6e8719ef0' },
      eventTime: '2024-05-24T19:36:44.379Z',
      copySource: { bucket: 'my-bucket', object: 'my-original-object' },
    },
    [{ key: 'my-new-object', bucket: 'my-bucket', at: Date.UTC(2024, 4, 24, 19, 36, 44, 379) }],
  ],
  [
    'R2, deleted',
    {
      account: '3f4b7e3dcab231cbfdaa90a6a28bd548',
      action: 'DeleteObject',
      bucket: 'my-bucket',
      object: { key: 'a+b%20c' },
      eventTime: '2024-05-24T19:36:44.379Z',
    },
    [{ key: 'a+b%20c', bucket: 'my-bucket', at: Date.UTC(2024, 4, 24, 19, 36, 44, 379) }],
  ],
  [
    // https://gist.github.com/jpmens/9037c74afdeea7dddd508384f2b22316, recorded; keys are encoded as in
    // https://github.com/minio/minio/blob/master/cmd/event-notification.go, and RustFS does the same.
    'MinIO',
    {
      EventName: 's3:ObjectCreated:Put',
      Key: 'play1/a b.txt',
      Records: [
        {
          eventVersion: '2.0',
          eventSource: 'minio:s3',
          awsRegion: 'west-wing',
          eventTime: '2017-09-04T09:22:31Z',
          eventName: 's3:ObjectCreated:Put',
          userIdentity: { principalId: 'xxxxxxxxx' },
          requestParameters: { sourceIPAddress: '192.168.1.130:53175' },
          responseElements: {
            'x-amz-request-id': '14E11E32397D42C4',
            'x-minio-origin-endpoint': 'http://127.0.0.1:9000',
          },
          s3: {
            s3SchemaVersion: '1.0',
            configurationId: 'Config',
            bucket: { name: 'play1', ownerIdentity: { principalId: 'xxxxxxxxx' }, arn: 'arn:aws:s3:::play1' },
            object: {
              key: 'a+b.txt',
              size: 488,
              eTag: 'f22d66a7d0dbbc4a7cf1122eeeb1a106',
              contentType: 'text/plain; charset=utf-8',
              versionId: '1',
              sequencer: '14E11E32397D42C4',
            },
          },
          source: { host: '192.168.1.130', port: '53175', userAgent: 'Minio' },
        },
      ],
    },
    [{ key: 'a b.txt', bucket: 'play1', at: Date.UTC(2017, 8, 4, 9, 22, 31) }],
  ],
  [
    'MinIO, of a read',
    {
      EventName: 's3:ObjectAccessed:Get',
      Records: [
        { eventName: 's3:ObjectAccessed:Get', s3: { bucket: { name: 'play1' }, object: { key: 'a' } } },
      ],
    },
    [null],
  ],
  [
    // Recorded from radosgw 16.2.15; the shape is that of https://docs.ceph.com/en/latest/radosgw/notifications/#events,
    // and keys are not encoded.
    'Ceph',
    {
      Records: [
        {
          eventVersion: '2.2',
          eventSource: 'ceph:s3',
          awsRegion: '',
          eventTime: '2026-11-28T22:22:20.635301Z',
          eventName: 'ObjectRemoved:Delete',
          userIdentity: { principalId: 'main' },
          requestParameters: { sourceIPAddress: '' },
          responseElements: {
            'x-amz-request-id': '42e4d953-d299-4ab8-a42d-b5f4dfc89010.4110.1764312397344758089',
            'x-amz-id-2': '100e-default-default',
          },
          s3: {
            s3SchemaVersion: '1.0',
            configurationId: 'all',
            bucket: {
              name: 'events-b',
              ownerIdentity: { principalId: 'main' },
              arn: 'arn:aws:s3:::events-b',
              id: '42e4d953-d299-4ab8-a42d-b5f4dfc89010.4112.8',
            },
            object: {
              key: 'a b+c%d.txt',
              size: 1,
              eTag: '9dd4e461268c8034f5c8564e155c67a6',
              versionId: '',
              sequencer: '1C540B6BA4CC0126',
              metadata: [{ key: 'x-amz-date', val: '20261128T222220Z' }],
              tags: [],
            },
          },
          eventId: '1795904540.637652.9dd4e461268c8034f5c8564e155c67a6',
          opaqueData: '',
        },
      ],
    },
    [{ key: 'a b+c%d.txt', bucket: 'events-b', at: Date.UTC(2026, 10, 28, 22, 22, 20, 635) }],
  ],
]

describe('the notification of a sender', () => {
  it.each(SAMPLES)('%s', (_, message, events) => {
    expect(readEvents(message)).toEqual(events)
  })

  it('has as many events as records, those that are none included', () => {
    expect(readEvents({ Records: [S3_RECORD, {}, null, 'x'] })).toEqual([
      expect.objectContaining({ key: 'HappyFace.jpg' }),
      null,
      null,
      null,
    ])
  })

  it('has no time if it does not say one', () => {
    const { eventTime: _, ...record } = S3_RECORD
    expect(readEvents({ Records: [record] })).toMatchObject([{ at: undefined }])
    expect(readEvents({ Records: [{ ...record, eventTime: 'noon' }] })).toMatchObject([{ at: undefined }])
  })

  it.each([undefined, null, 'text', 1, [], {}, { Records: {} }, { Type: 'Notification' }])(
    'is not %j',
    (message) => {
      expect(readEvents(message)).toBeUndefined()
    },
  )
})

describe('a source', () => {
  const source = {
    backend: { ...memoryBackend('old'), accepts: (name: string) => !name.endsWith('.tmp') },
    prefix: 'media/',
    bucket: 'b',
  }
  const event = (key: string, at?: number, bucket = 'b') => ({ key, bucket, at })

  it('knows the names in its bucket below its prefix, each with its latest time', () => {
    const events = [event('media/a', 5), event('media/b c'), event('media/a', 9), event('media/a', 7)]
    const { changes, accepted, ignored } = acceptEvents(source, events, 100)
    expect([[...changes], accepted, ignored]).toEqual([
      [
        ['a', 9],
        ['b c', 100],
      ],
      4,
      {},
    ])
  })

  it('ignores everything else, and says why', () => {
    const events = [
      null,
      event('media/a', 1, 'another'),
      event('a'),
      event('media/'),
      event('media/-/staged/x'),
      event('media/a/../b'),
      event('media/\n'),
      event(`media/${'x'.repeat(1025)}`),
      event('media/a.tmp'),
    ]
    const { changes, accepted, ignored } = acceptEvents(source, events, 0)
    expect([changes.size, accepted]).toEqual([0, 0])
    expect(ignored).toEqual({
      'not a change of an object': 1,
      'of another bucket': 1,
      'outside of the prefix': 1,
      'not a name that the backend accepts': 6,
    })
  })
})
