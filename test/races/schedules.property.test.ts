import { describeSchedules } from './harness/check-schedules.ts'

describeSchedules('r2', { full: 8000, sample: 200 })
describeSchedules('s3 that honours', { full: 3000, sample: 100 })
