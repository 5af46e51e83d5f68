import { describeSchedules } from './harness/check-schedules.ts'

// The other primaries are in a file of their own, schedules.property.test.ts: the two files run at the same time.
describeSchedules('s3 that ignores', { full: 4500, sample: 100 })
describeSchedules('s3 that refuses', { full: 4500, sample: 100 })
