/** The id of a job: a lower-case ULID with the prefix job_. Apart from its schema, for browsers. */
export const jobIdPattern = '^job_[0-9a-hjkmnp-tv-z]{26}$';
