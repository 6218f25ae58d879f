-- The members of Stripe's objects, by resource. Mappings are checked against them, so that a
-- misspelt path raises when it is declared. Only the first name of a path is checked.
--
-- Source: the objects of Stripe's OpenAPI fixtures and reference (version 2026-11-18.endive),
-- including the members that exist only when expanded.

local NAMES = {
  account = [[
    business_profile business_type capabilities charges_enabled company controller country created
    default_currency details_submitted email external_accounts future_requirements groups id
    individual metadata object payouts_enabled requirements settings tos_acceptance type]],
  balance = [[
    available connect_reserved instant_available issuing livemode object pending
    refund_and_dispute_prefunding risk_reserved]],
  customers = [[
    address balance business_name cash_balance created currency customer_account default_source
    delinquent description discount email id individual_name invoice_credit_balance invoice_prefix
    invoice_settings livemode metadata name next_invoice_sequence object phone preferred_locales
    shipping sources subscriptions tax tax_exempt tax_ids test_clock]],
  charges = [[
    amount amount_captured amount_refunded application application_fee application_fee_amount
    authorization_code balance_transaction billing_details calculated_statement_descriptor
    captured created currency customer description disputed failure_balance_transaction
    failure_code failure_message fraud_details id level3 livemode metadata object on_behalf_of
    outcome paid payment_intent payment_method payment_method_details presentment_details
    radar_options receipt_email receipt_number receipt_url refunded refunds review shipping source
    source_transfer statement_descriptor statement_descriptor_suffix status transfer transfer_data
    transfer_group]],
  refunds = [[
    amount balance_transaction charge created currency customer customer_account description
    destination_details failure_balance_transaction failure_reason id instructions_email metadata
    next_action object payment_intent payment_method pending_reason presentment_details reason
    receipt_number source_transfer_reversal status transfer_reversal]],
  disputes = [[
    amount balance_transactions charge created currency enhanced_eligibility_types evidence
    evidence_details id intended_submission_method is_charge_refundable livemode metadata
    network_reason_code object payment_intent payment_method_details reason status]],
  products = [[
    active attributes caption created deactivate_on default_price description id identifiers
    images livemode marketing_features metadata name object package_dimensions provisioning
    shippable statement_descriptor tax_code tax_details type unit_label updated url]],
  prices = [[
    active billing_scheme created currency currency_options custom_unit_amount deleted id livemode
    lookup_key metadata nickname object product recurring tax_behavior tiers tiers_mode
    transform_quantity type unit_amount unit_amount_decimal]],
  balance_transactions = [[
    amount available_on balance_type created currency description exchange_rate fee fee_details id
    net object reporting_category source status type]],
  payouts = [[
    amount application_fee application_fee_amount arrival_date automatic balance_transaction
    created currency description destination failure_balance_transaction failure_code
    failure_message id livemode metadata method object original_payout payout_method
    reconciliation_status reversed_by source_type statement_descriptor status trace_id type]],
  tax_rates = [[
    active country created description display_name effective_percentage flat_amount id inclusive
    jurisdiction jurisdiction_level livemode metadata object percentage rate_type state tax_type]],
  subscriptions = [[
    application application_fee_percent automatic_tax billing_cycle_anchor
    billing_cycle_anchor_config billing_mode billing_schedules billing_thresholds cancel_at
    cancel_at_period_end canceled_at cancellation_details collection_method created currency
    customer customer_account days_until_due default_payment_method default_source
    default_tax_rates description discounts ended_at id invoice_settings items latest_invoice
    livemode managed_payments metadata next_pending_invoice_item_invoice object on_behalf_of
    pause_collection payment_settings pending_invoice_item_interval pending_setup_intent
    pending_update presentment_details schedule start_date status status_details test_clock
    transfer_data trial_end trial_settings trial_start]],
  invoices = [[
    account_country account_name account_tax_ids amount_due amount_overpaid amount_paid
    amount_paid_off_stripe amount_remaining amount_shipping application attempt_count
    attempted auto_advance automatic_tax automatically_finalizes_at billing_reason
    collection_method confirmation_secret created currency custom_fields customer
    customer_account customer_address customer_email customer_name customer_phone
    customer_shipping customer_tax_exempt customer_tax_ids default_payment_method
    default_source default_tax_rates description discounts due_date effective_at
    ending_balance footer from_invoice hosted_invoice_url id invoice_pdf issuer
    last_finalization_error latest_revision lines livemode metadata next_payment_attempt
    number object on_behalf_of parent payment_settings payments period_end period_start
    post_payment_credit_notes_amount pre_payment_credit_notes_amount receipt_number rendering
    shipping_cost shipping_details starting_balance statement_descriptor status status_details
    status_transitions subscription subscription_details subtotal subtotal_excluding_tax
    test_clock threshold_reason total total_discount_amounts total_excluding_tax
    total_pretax_credit_amounts total_tax_amounts total_taxes webhooks_delivered_at]],
  invoice_items = [[
    amount currency customer customer_account date description discountable discounts
    frozen_fields id invoice invoicing_rules livemode metadata net_amount object parent period
    pricing proration proration_details quantity quantity_decimal tax_rates test_clock]],
  invoice_payments = [[
    amount_paid amount_requested created currency id invoice is_default livemode object payment
    status status_transitions]],
  checkout_sessions = [[
    adaptive_pricing after_expiration allow_promotion_codes allowed_payment_method_types
    amount_subtotal amount_total automatic_tax billing_address_collection branding_settings
    cancel_url client_reference_id client_secret collected_information consent
    consent_collection created currency currency_conversion custom_fields custom_text customer
    customer_account customer_creation customer_details customer_email discounts
    excluded_payment_method_types expires_at id integration_identifier invoice
    invoice_creation line_items livemode locale managed_payments metadata mode name_collection
    object optional_items origin_context payment_intent payment_link payment_method_collection
    payment_method_configuration_details payment_method_options payment_method_types
    payment_status permissions phone_number_collection presentment_details recovered_from
    redirect_on_completion return_url saved_payment_method_options setup_intent
    shipping_address_collection shipping_cost shipping_options status submit_type subscription
    success_url tax_id_collection total_details ui_mode url wallet_options]],
  application_fees = [[
    account amount amount_refunded application balance_transaction charge created currency
    fee_source id livemode object originating_transaction refunded refunds]],
  payment_intents = [[
    allocated_funds allowed_payment_method_types amount amount_capturable amount_details
    amount_received application application_fee_amount automatic_payment_methods canceled_at
    cancellation_reason capture_method client_secret confirmation_method created currency
    customer customer_account description excluded_payment_method_types hooks id
    last_payment_error latest_charge livemode managed_payments metadata next_action object
    on_behalf_of payment_details payment_method payment_method_configuration_details
    payment_method_options payment_method_types payment_record presentment_details processing
    receipt_email review setup_future_usage shipping source statement_descriptor
    statement_descriptor_suffix status transfer_data transfer_group]],
  setup_intents = [[
    allowed_payment_method_types application attach_to_self automatic_payment_methods
    cancellation_reason client_secret created customer customer_account description
    excluded_payment_method_types flow_directions id last_setup_error latest_attempt livemode
    managed_payments mandate metadata next_action object on_behalf_of payment_method
    payment_method_configuration_details payment_method_options payment_method_types
    single_use_mandate status usage]],
  transfers = [[
    amount amount_reversed balance_transaction created currency description destination
    destination_payment id livemode metadata object reversals reversed source_transaction
    source_type transfer_group]],
  topups = [[
    amount balance_transaction created currency description expected_availability_date
    failure_code failure_message id initiated_by livemode metadata object payment_method
    payment_method_options source statement_descriptor status transfer_group]],
  coupons = [[
    amount_off applies_to created currency currency_options duration duration_in_months id
    livemode max_redemptions metadata name object percent_off redeem_by times_redeemed valid]],
  promotion_codes = [[
    active code created customer customer_account expires_at id livemode max_redemptions metadata
    object promotion restrictions times_redeemed]],
  credit_notes = [[
    amount amount_shipping created currency customer customer_account customer_balance_transaction
    discount_amount discount_amounts effective_at id invoice lines livemode memo metadata number
    object out_of_band_amount pdf post_payment_amount pre_payment_amount pretax_credit_amounts
    reason refunds shipping_cost status subtotal subtotal_excluding_tax total total_excluding_tax
    total_taxes type voided_at]],
  plans = [[
    active amount amount_decimal billing_scheme created currency id interval interval_count
    livemode metadata meter nickname object product tiers tiers_mode transform_usage
    trial_period_days usage_type]],
  reviews = [[
    billing_zip charge closed_reason created id ip_address ip_address_location livemode object
    open opened_reason payment_intent reason session]],
  shipping_rates = [[
    active created delivery_estimate display_name fixed_amount id livemode metadata object
    tax_behavior tax_code type]],
  subscription_schedules = [[
    application billing_mode canceled_at completed_at created current_phase customer
    customer_account default_settings end_behavior id livemode metadata object pause_schedules
    phases released_at released_subscription status subscription test_clock]],
}

local fields = {}

for resource, names in pairs(NAMES) do
  fields[resource] = {}
  for name in names:gmatch("%S+") do
    fields[resource][name] = true
  end
end

return fields
