/** The sample of S3's documentation, with values in place of their descriptions (docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html). */
export const S3_RECORD = {
  eventVersion: '2.1',
  eventSource: 'aws:s3',
  awsRegion: 'us-west-2',
  eventTime: '1970-01-01T00:00:00.000Z',
  eventName: 'ObjectCreated:Put',
  userIdentity: { principalId: 'AIDAJDPLRKLG7UEXAMPLE' },
  requestParameters: { sourceIPAddress: '127.0.0.1' },
  responseElements: {
    'x-amz-request-id': 'C3D13FE58DE4C810',
    'x-amz-id-2': 'FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S/JRWeUWerMUE5JgHvANOjpD',
  },
  s3: {
    s3SchemaVersion: '1.0',
    configurationId: 'testConfigRule',
    bucket: {
      name: 'amzn-s3-demo-bucket',
      ownerIdentity: { principalId: 'A3NL1KOZZKExample' },
      arn: 'arn:aws:s3:::amzn-s3-demo-bucket',
    },
    object: {
      key: 'HappyFace.jpg',
      size: 1024,
      eTag: 'd41d8cd98f00b204e9800998ecf8427e',
      versionId: '096fKKXTRTtl3on89fVO.nfljtsv6qko',
      sequencer: '0055AED6DCD90281E5',
    },
  },
}

/** A notification about that key. */
export function s3Records(
  eventName: string,
  key: string,
  { bucket = 'amzn-s3-demo-bucket', eventTime = S3_RECORD.eventTime } = {},
) {
  const s3 = { ...S3_RECORD.s3, bucket: { ...S3_RECORD.s3.bucket, name: bucket }, object: { key } }
  return { Records: [{ ...S3_RECORD, eventName, eventTime, s3 }] }
}
